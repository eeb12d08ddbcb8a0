/** Runs a list of tests with the ginkgo command and reads its report. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { kubectlPath } from '../support/cluster/kubectl.ts';
import type { Suite } from './build-suite.ts';
import type { GinkgoReport } from './report.plan.ts';
import { focusExpressions } from './tiers.plan.ts';

export interface GinkgoRun {
  readonly suite: Suite;
  /** Full names. */
  readonly tests: readonly string[];
  /** Processes side by side; 1 runs them one after another. */
  readonly procs: number;
  readonly kubeconfig: string;
  /** Nodes that the suite may count on; with 0 it doesn't look for any. */
  readonly nodes: number;
  readonly timeoutMs: number;
  /** Reports and logs go here; each name begins with this label. */
  readonly directory: string;
  readonly label: string;
  readonly extraFlags: readonly string[];
  readonly signal: AbortSignal;
  progress(line: string): void;
}

/** What a test's end looks like in Ginkgo's output. */
const END = /^(?:•|S) (?:\[(?<failure>\w[\w ]*)\] )?\[(?<seconds>[\d.]+) seconds\]$/;

/** Gives the report; undefined when ginkgo died without one. */
export async function runGinkgo(run: GinkgoRun): Promise<GinkgoReport | undefined> {
  const report = `${run.label}.json`;
  const startUp = run.nodes === 0 ? ['--allowed-not-ready-nodes=-1', '--num-nodes=1'] : [];
  const child = spawn(
    run.suite.ginkgo,
    [
      ...[`--procs=${run.procs}`, '--no-color', '-v', '--silence-skips', '--keep-going'],
      ...[`--timeout=${run.timeoutMs}ms`, `--output-dir=${run.directory}`, `--json-report=${report}`],
      ...focusExpressions(run.tests).map((expression) => `--focus=${expression}`),
      ...[run.suite.e2eTest, '--', `--kubeconfig=${run.kubeconfig}`, '--provider=skeleton'],
      ...[`--kubectl-path=${kubectlPath()}`, '--dns-domain=cluster.local', '--minStartupPods=-1'],
      ...[...startUp, ...run.extraFlags],
    ],
    // A group of its own: Ctrl-C reaches it through us, once.
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
      cwd: run.directory,
      env: { ...process.env, KUBECONFIG: run.kubeconfig },
    },
  );
  // A first interrupt, of all its processes, ends the running tests, cleans up after them and still writes the report.
  const interrupt = () => child.pid !== undefined && process.kill(-child.pid, 'SIGINT');
  run.signal.addEventListener('abort', interrupt, { once: true });
  const log = createWriteStream(join(run.directory, `${run.label}.log`));
  child.stderr.pipe(log, { end: false });
  let done = 0;
  let end: RegExpExecArray | null = null;
  let header = '';
  createInterface({ input: child.stdout }).on('line', (line) => {
    log.write(`${line}\n`);
    // A test's name comes right after its end, or, in a single process, before all that it says.
    if (end !== null) {
      done++;
      const { failure = 'ok', seconds } = end.groups ?? {};
      const name = (line.startsWith('[') ? line : header).replace(/ \[[^\]]*\]$/, ''); // its labels follow
      run.progress(`${done}/${run.tests.length} ${failure} ${Number(seconds).toFixed(0)} s ${name}`);
    }
    if (line.startsWith('[')) header = line;
    end = END.exec(line);
  });
  child.on('error', (err) => run.progress(`ginkgo does not start: ${err.message}`));
  await once(child, 'close').catch(() => {});
  run.signal.removeEventListener('abort', interrupt);
  log.end();
  return readReport(join(run.directory, report));
}

function readReport(path: string): GinkgoReport | undefined {
  if (!existsSync(path)) return undefined;
  try {
    const [report] = JSON.parse(readFileSync(path, 'utf8')) as GinkgoReport[];
    return report;
  } catch {
    return undefined; // it was killed while it wrote
  }
}
