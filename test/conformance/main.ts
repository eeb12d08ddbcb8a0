/**
 * `npm run conformance`: upstream's conformance suite against Coracle. Builds the suite, starts a cluster, runs what was asked
 * for, first side by side and then the `[Serial]` rest, and writes a table. The last line of output is
 * `{"passed": n, "failed": n, "skipped": n}`; the exit code is 1 when a test failed.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { buildIfStale } from '../../build.ts';
import { startCluster } from '../support/cluster/cluster.ts';
import { buildSuite, CACHE, type Suite } from './build-suite.ts';
import { startControlPlane } from './control-plane.ts';
import { runGinkgo } from './ginkgo-run.ts';
import { buildTestImages } from './images/build-images.ts';
import { type Registry, startRegistry } from './images/registry.ts';
import { formatTable, type GinkgoReport, readReports, totalsOf } from './report.plan.ts';
import { needsNoNode, parseTiers, planTests, TIERS, type Tier, type TierList } from './tiers.plan.ts';

interface Options {
  readonly focus?: RegExp;
  readonly skip?: RegExp;
  readonly tier?: Tier;
  readonly all: boolean;
  readonly boards?: number;
  readonly procs: number;
  readonly timeout: number;
  readonly testTimeout: number;
  readonly kubeconfig?: string;
  readonly serverFlag: readonly string[];
  readonly suiteFlag: readonly string[];
  readonly keep: boolean;
  readonly list: boolean;
}

/** Where the tests run: what this command started, or a cluster of somebody else. */
interface Target {
  readonly kubeconfig: string;
  readonly nodes: number;
  stop(): Promise<void>;
}

const say = (line: string) => process.stdout.write(`${line}\n`);
const progress = (line: string) => process.stderr.write(`conformance: ${line}\n`);

const regExp = (text: string): RegExp => {
  try {
    return new RegExp(text);
  } catch (err) {
    throw new InvalidArgumentError((err as Error).message);
  }
};

const count = (text: string): number => {
  if (!/^\d{1,3}$/.test(text)) throw new InvalidArgumentError('a number is wanted.');
  return Number(text);
};

const collect = (flag: string, before: readonly string[]): readonly string[] => [...before, flag];

const program = new Command('npm run conformance --')
  .description("Runs upstream's conformance suite of Kubernetes 1.36 against a cluster of its own.")
  .option('--focus <regex>', 'only tests whose full name matches', regExp)
  .option('--skip <regex>', 'no tests whose full name matches', regExp)
  .addOption(
    new Option('--tier <tier>', 'A: no container runs; B: containers on a node; C: also Pod network').choices(
      TIERS,
    ),
  )
  .option('--all', 'every test of the binary, not the conformance tests alone', false)
  .option('--boards <n>', 'virtual boards; 2, or 0 when tier A tests alone are chosen', count)
  .option('--procs <n>', 'tests side by side', count, 4)
  .option('--timeout <minutes>', 'of the whole run', count, 240)
  .option('--test-timeout <minutes>', 'of one test', count, 15)
  .option('--kubeconfig <file>', 'a cluster that runs already, instead of one of its own')
  .option('--server-flag <flag>', 'one more flag of `coracle server`; may be repeated', collect, [])
  .option('--suite-flag <flag>', 'one more flag of e2e.test; may be repeated', collect, [])
  .option('--keep', 'leave the cluster up after the run, until Ctrl-C', false)
  .option('--list', 'print the names that would run, and stop', false)
  .addHelpText(
    'after',
    `
Needs Go 1.26; with boards also root on Linux and containerd. The built suite is kept in .cache/conformance,
results in .cache/conformance/results: table.md, and for each half the whole log and Ginkgo's report.
Every image is a substitute that was built here, not upstream's own.

Examples:
  npm run conformance -- --tier A
  npm run conformance -- --focus '\\[sig-apps\\] Job'
  npm run conformance -- --all --boards 3 --focus 'NetworkPolicy'`,
  );

async function main(options: Options): Promise<number> {
  const stopped = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stopped.abort());

  const suite = await buildSuite(progress);
  const tiers = parseTiers(readFileSync(join(import.meta.dirname, 'tiers.txt'), 'utf8'));
  const plan = planTests(suite.names, tiers, options);
  const wanted = [...plan.parallel, ...plan.serial];
  if (options.list) {
    for (const name of wanted) say(name);
    return 0;
  }
  if (wanted.length === 0) {
    progress('no test has such a name');
    say(JSON.stringify({ passed: 0, failed: 0, skipped: 0 }));
    return 1;
  }

  const results = join(CACHE, 'results', new Date().toISOString().replace(/[:.]/g, '-'));
  mkdirSync(results, { recursive: true });
  const boards = options.boards ?? (needsNoNode(tiers, plan) ? 0 : 2);
  progress(
    `${plan.parallel.length} tests side by side, ${plan.serial.length} serial ones, ${boards} boards; ${results}`,
  );
  const target = await startTarget(options, boards, results);
  try {
    const reports = await runHalves(options, suite, plan, target, results, stopped.signal);
    const keeps = options.keep && !stopped.signal.aborted;
    if (keeps) progress(`the cluster stays up until Ctrl-C; kubeconfig: ${target.kubeconfig}`);
    const failed = writeResults(reports, wanted, tiers, results);
    if (keeps) {
      await new Promise((resolve) => {
        const alive = setInterval(() => {}, 60_000);
        stopped.signal.addEventListener('abort', () => resolve(clearInterval(alive)));
      });
    }
    return failed > 0 ? 1 : 0;
  } finally {
    await target.stop();
  }
}

async function startTarget(options: Options, boards: number, directory: string): Promise<Target> {
  if (options.kubeconfig !== undefined)
    return { kubeconfig: options.kubeconfig, nodes: boards, stop: async () => {} };
  await buildIfStale(() => {});
  if (boards === 0)
    return { ...(await startControlPlane(join(directory, 'server'), options.serverFlag)), nodes: 0 };
  const images = await buildTestImages(join(CACHE, 'images'), progress);
  let registry: Registry | undefined;
  const cluster = await startCluster({
    boards,
    serverFlags: options.serverFlag,
    mirrors: async (lan) => {
      registry = await startRegistry(images, lan.hostIp);
      const { url } = registry;
      return Object.fromEntries(images.registries.map((name) => [name, url]));
    },
  });
  // The server writes how it is reached from its own machine; here it listens on the boards' network alone.
  const kubeconfig = join(directory, 'kubeconfig.yaml');
  const written = readFileSync(cluster.kubeconfig, 'utf8').replace(/server: .*/, `server: ${cluster.url}`);
  writeFileSync(kubeconfig, written, { mode: 0o600 });
  return {
    kubeconfig,
    nodes: boards,
    stop: async () => {
      await registry?.close();
      writeFileSync(join(directory, 'server.log'), cluster.server.log());
      for (const board of cluster.boards)
        writeFileSync(join(directory, `${board.name}.log`), board.log('agent'));
      await cluster.stop();
    },
  };
}

async function runHalves(
  { procs, timeout, testTimeout, suiteFlag }: Options,
  suite: Suite,
  { parallel, serial }: ReturnType<typeof planTests>,
  { kubeconfig, nodes }: Target,
  directory: string,
  signal: AbortSignal,
): Promise<readonly GinkgoReport[]> {
  const end = performance.now() + timeout * 60_000;
  const reports: GinkgoReport[] = [];
  for (const half of [
    { label: 'parallel', tests: parallel, procs },
    { label: 'serial', tests: serial, procs: 1 },
  ]) {
    const timeoutMs = Math.round(end - performance.now());
    if (half.tests.length === 0 || signal.aborted || timeoutMs <= 0) continue;
    const report = await runGinkgo({
      ...half,
      ...{ suite, kubeconfig, nodes, timeoutMs, directory, signal, progress },
      extraFlags: [`--test-timeout=${testTimeout}m`, ...suiteFlag],
    });
    if (report) reports.push(report);
    else progress(`no report: see ${join(directory, `${half.label}.log`)}`);
  }
  return reports;
}

/** Writes table, results and what failed; gives the number of failures. */
function writeResults(
  reports: readonly GinkgoReport[],
  wanted: readonly string[],
  tiers: TierList,
  directory: string,
): number {
  const results = readReports(reports, wanted);
  const totals = totalsOf(results);
  const table = formatTable(results, tiers, `Conformance run of ${new Date().toISOString()}`);
  writeFileSync(join(directory, 'table.md'), table);
  writeFileSync(join(directory, 'results.json'), JSON.stringify({ ...totals, results }, null, 1));
  say(table.slice(0, table.includes('\n## Passed') ? table.indexOf('\n## Passed') : undefined));
  say(`The whole table: ${join(directory, 'table.md')}`);
  say(JSON.stringify(totals));
  return totals.failed;
}

program.action(async () => {
  try {
    process.exitCode = await main(program.opts<Options>());
  } catch (err) {
    progress((err as Error).message);
    process.exitCode = 2;
  }
});
await program.parseAsync();
