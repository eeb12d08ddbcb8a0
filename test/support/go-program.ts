/**
 * Programs of `test/` that are written in Go, because upstream's libraries and Helm are: built once with the go tool of
 * this machine and kept in `.cache/go`. Where that tool is older than the sources want, as Debian 12's is, it fetches the
 * toolchain that it should be, which is a Go module like any other.
 */
import { createHash } from 'node:crypto';
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { must } from './boards/shell.ts';

const CACHE = join(import.meta.dirname, '../../.cache/go');
const TOOLCHAIN = '1.26.8';
/** A cold build of Helm takes some four minutes on two slow cores. */
const BUILD_MS = 30 * 60_000;

export interface GoProgram {
  readonly name: string;
  /** Where its go.mod is. */
  readonly directory: string;
  /** What `go build` is given: `.`, or a package of another module. */
  readonly package: string;
}

/** The path of the program, which is built if it isn't there or its sources have changed. Rejects with what go printed. */
export async function goProgram({ name, directory, package: wanted }: GoProgram): Promise<string> {
  const path = join(CACHE, `${name}-${hashOf(directory, wanted)}`);
  if (existsSync(path)) return path;
  mkdirSync(CACHE, { recursive: true });
  process.stderr.write(`building ${name} with go: minutes the first time, then it is kept\n`);
  const partial = `${path}.${process.pid}`;
  await must([await goTool(), 'build', '-trimpath', '-ldflags=-s -w', '-o', partial, wanted], {
    cwd: directory,
    timeoutMs: BUILD_MS,
  });
  renameSync(partial, path);
  return path;
}

/** The folder of a module at a version, `sigs.k8s.io/gateway-api@v1.3.0`: only to be read. Rejects with what go printed. */
export async function goModule(module: string): Promise<string> {
  const told = await must([await goTool(), 'mod', 'download', '-json', module], { cwd: tmpdir() });
  return (JSON.parse(told) as { Dir: string }).Dir;
}

function hashOf(directory: string, wanted: string): string {
  const hash = createHash('sha256').update(wanted);
  const sources = wanted === '.' ? readdirSync(directory).sort() : ['go.mod', 'go.sum'];
  for (const file of sources)
    if (/\.go$|^go\./.test(file)) hash.update(`${file}\0`).update(readFileSync(join(directory, file)));
  return hash.digest('hex').slice(0, 16);
}

/** A go command of {@link TOOLCHAIN}'s release or newer. */
async function goTool(): Promise<string> {
  const version = await must(['go', 'env', 'GOVERSION'], { env: { GOTOOLCHAIN: 'local' } });
  if (minorOf(version) >= minorOf(`go${TOOLCHAIN}`)) return 'go';
  const root = join(CACHE, `toolchain-${TOOLCHAIN}`);
  if (!existsSync(root)) await unpackToolchain(root);
  return join(root, 'bin/go');
}

const minorOf = (version: string): number => Number(/^go1\.(\d+)/.exec(version)?.[1] ?? 0);

async function unpackToolchain(root: string): Promise<void> {
  const platform = `linux-${process.arch === 'x64' ? 'amd64' : process.arch}`;
  const answer = await must(
    ['go', 'mod', 'download', '-json', `golang.org/toolchain@v0.0.1-go${TOOLCHAIN}.${platform}`],
    { cwd: '/', timeoutMs: BUILD_MS },
  );
  const { Dir } = JSON.parse(answer) as { Dir: string };
  const partial = `${root}.${process.pid}`;
  mkdirSync(partial, { recursive: true });
  cpSync(Dir, partial, { recursive: true });
  // Modules are kept read-only and without the right to run.
  for (const folder of ['bin', `pkg/tool/${platform.replace('-', '_')}`])
    for (const file of readdirSync(join(partial, folder))) chmodSync(join(partial, folder, file), 0o755);
  renameSync(partial, root);
}
