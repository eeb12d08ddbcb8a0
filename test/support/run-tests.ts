/**
 * `npm test`: types, purity, lint, units, the build, then the stories on virtual boards, in that order and all of them even
 * when one fails. The last line is `N passed, N failed` over everything; the exit code says the same.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { sweepLans } from './boards/lan.ts';

const ROOT = join(import.meta.dirname, '../..');
/** All of it must end well within an hour, whatever hangs. */
const LIMIT_MS = 55 * 60_000;

interface Counts {
  passed: number;
  failed: number;
}

/** What vitest's JSON reporter writes, as far as we read it. */
interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly failureMessages: readonly string[] | null;
    }[];
  }[];
}

const total: Counts = { passed: 0, failed: 0 };
const failures: string[] = [];
const startedAt = performance.now();
const reports = mkdtempSync(join(tmpdir(), 'coracle-test-'));

const seconds = (since: number) => `${((performance.now() - since) / 1000).toFixed(1)} s`;

/** Runs with its output shown; resolves with the exit code. */
function run(argv: readonly string[]): Promise<number> {
  const [file = '', ...args] = argv;
  const child = spawn(file, args, {
    cwd: ROOT,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, PATH: `${join(ROOT, 'node_modules/.bin')}:${process.env['PATH']}` },
  });
  const left = LIMIT_MS - (performance.now() - startedAt);
  const timer = setTimeout(() => child.kill('SIGTERM'), Math.max(left, 1_000));
  return new Promise((resolve) => {
    child.on('error', () => resolve(127));
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve(code ?? 1);
    });
  });
}

/** A step that counts as one test. */
async function step(name: string, argv: readonly string[]): Promise<boolean> {
  const since = performance.now();
  process.stdout.write(`\n== ${name}\n`);
  const passed = (await run(argv)) === 0;
  process.stdout.write(`== ${name}: ${passed ? 'passed' : 'FAILED'} in ${seconds(since)}\n`);
  if (passed) total.passed++;
  else {
    total.failed++;
    failures.push(`${name}: ${argv.join(' ')}`);
  }
  return passed;
}

/** A vitest project, counted test by test. */
async function suite(name: string, project: string): Promise<void> {
  const since = performance.now();
  process.stdout.write(`\n== ${name}\n`);
  const report = join(reports, `${project}.json`);
  const code = await run([
    ...['vitest', 'run', '--project', project, '--reporter=default', '--reporter=json'],
    `--outputFile.json=${report}`,
  ]);
  const counts = readReport(report);
  // It may fail outside of any test: a crash, an unhandled rejection, no report at all.
  if (code !== 0 && counts.failed === 0) {
    counts.failed = 1;
    failures.push(`${name}: vitest failed with exit code ${code}`);
  }
  total.passed += counts.passed;
  total.failed += counts.failed;
  process.stdout.write(`== ${name}: ${counts.passed} passed, ${counts.failed} failed in ${seconds(since)}\n`);
}

function readReport(path: string): Counts {
  if (!existsSync(path)) return { passed: 0, failed: 0 };
  const report = JSON.parse(readFileSync(path, 'utf8')) as Report;
  let failed = report.numFailedTests;
  for (const file of report.testResults) {
    const where = relative(ROOT, file.name);
    const failedTests = file.assertionResults.filter((test) => test.status === 'failed');
    for (const test of failedTests)
      failures.push(`${where}: ${test.fullName}: ${firstLine(test.failureMessages?.[0] ?? '')}`);
    // A file whose set-up failed ran none of its tests.
    if (file.status === 'failed' && failedTests.length === 0) {
      failures.push(`${where}: ${firstLine(file.message)}`);
      failed++;
    }
  }
  return { passed: report.numPassedTests, failed };
}

const firstLine = (text: string): string => text.split('\n', 1)[0] ?? '';

await step('types', ['tsc', '-p', 'tsconfig.json']);
await step('purity of the plans', ['node', 'test/support/purity-gate.ts']);
await step('lint and format', ['biome', 'check', '--error-on-warnings', '.']);
await suite('units', 'unit');
const built = await step('build', ['node', 'build.ts']);
if (!built) {
  total.failed++;
  failures.push('stories: not run, for there is no build');
} else if (process.platform !== 'linux' || process.getuid?.() !== 0) {
  total.failed++;
  failures.push('stories: virtual boards need root on Linux');
} else await suite('stories on virtual boards', 'e2e');
if (process.getuid?.() === 0) await sweepLans();
rmSync(reports, { recursive: true, force: true });

if (failures.length > 0) process.stdout.write(`\nFailed:\n${failures.map((line) => `  ${line}\n`).join('')}`);
process.stdout.write(`\nin ${seconds(startedAt)}\n${total.passed} passed, ${total.failed} failed\n`);
process.exitCode = total.failed > 0 ? 1 : 0;
