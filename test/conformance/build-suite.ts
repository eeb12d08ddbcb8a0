/**
 * Builds upstream's suite from the Go modules that go.mod names: `e2e.test` and the ginkgo command of the same version.
 * Kept under `.cache/conformance/<hash of the sources>/`, outside git; a build that was there is used again.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { command, must } from '../support/boards/shell.ts';
import { parseTestList } from './tiers.plan.ts';

const HERE = import.meta.dirname;
export const CACHE = join(HERE, '../../.cache/conformance');
const SOURCES = ['go.mod', 'go.sum', 'suite_test.go'];
/** From nothing, on two slow cores, with every module still to be fetched. */
const BUILD_LIMIT_MS = 60 * 60_000;

export interface Suite {
  readonly e2eTest: string;
  readonly ginkgo: string;
  /** Full names of all tests in the binary. */
  readonly names: readonly string[];
}

/** Builds what is missing. Throws with the compiler's words. */
export async function buildSuite(log: (line: string) => void): Promise<Suite> {
  const hash = createHash('sha256');
  for (const source of SOURCES) hash.update(await readFile(join(HERE, source)));
  const directory = join(CACHE, hash.digest('hex').slice(0, 16));
  const e2eTest = join(directory, 'e2e.test');
  const ginkgo = join(directory, 'ginkgo');
  await mkdir(directory, { recursive: true });
  // Without symbols: half of the size, and stack traces stay.
  if (!existsSync(e2eTest)) {
    log('building e2e.test from Go modules; the first time takes some ten minutes');
    await goBuild(['test', '-c', '-ldflags=-s -w', '-o'], e2eTest, '.');
  }
  if (!existsSync(ginkgo)) {
    log('building ginkgo');
    await goBuild(['build', '-ldflags=-s -w', '-o'], ginkgo, 'github.com/onsi/ginkgo/v2/ginkgo');
  }
  const names = parseTestList(await must([e2eTest, '--list-tests']));
  return { e2eTest, ginkgo, names };
}

/** Appears in one step: what an interrupted build left is never taken for a program. */
async function goBuild(args: readonly string[], target: string, what: string): Promise<void> {
  const draft = `${target}.${process.pid}`;
  const { code, stderr } = await command(['go', ...args, draft, what], {
    cwd: HERE,
    timeoutMs: BUILD_LIMIT_MS,
    env: { CGO_ENABLED: '0' },
  }).catch((err: Error) => ({ code: 127, stderr: `Go 1.26 is needed: ${err.message}` }));
  if (code !== 0) throw new Error(`go ${args[0]} ${what}: exit code ${code}\n${stderr}`);
  await rename(draft, target);
}
