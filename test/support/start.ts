/**
 * `npm start`: a one-board cluster in the foreground from a checkout. Builds what is stale, runs `coracle server` as a user
 * would, and says what to type once the node is Ready. Further arguments go to the server: `npm start -- --no-agent`.
 */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { buildIfStale } from '../../build.ts';
import { command } from './boards/shell.ts';
import { kubectlPath } from './cluster/kubectl.ts';

const ROOT = join(import.meta.dirname, '../..');
const say = (line: string) => process.stdout.write(`${line}\n`);

/** Why no containers can run here, or undefined. */
function obstacle(): string | undefined {
  if (process.platform !== 'linux') return 'containers need Linux';
  if (process.getuid?.() !== 0) return 'containers need root (try: sudo npm start)';
  const onPath = (program: string) =>
    (process.env['PATH'] ?? '').split(':').some((directory) => existsSync(join(directory, program)));
  if (!onPath('containerd')) return 'containerd is not installed';
  return undefined;
}

const flagValue = (flags: readonly string[], name: string, otherwise: string): string => {
  const at = flags.findIndex((flag) => flag === name || flag.startsWith(`${name}=`));
  if (at < 0) return otherwise;
  return flags[at]?.split('=')[1] ?? flags[at + 1] ?? otherwise;
};

async function main(flags: readonly string[]): Promise<number> {
  const withAgent = !flags.includes('--no-agent');
  const problem = withAgent ? obstacle() : undefined;
  if (problem) {
    say(`This machine cannot run Pods: ${problem}.`);
    say('The control plane alone runs anywhere: npm start -- --no-agent');
    say('As a plain user, give it places of its own: --data-dir and --write-kubeconfig (absolute paths).');
    return 1;
  }
  say('Building what is stale …');
  await buildIfStale((line) => say(`  ${line}`));

  const kubeconfig = flagValue(flags, '--write-kubeconfig', '/etc/coracle/kubeconfig.yaml');
  const port = flagValue(flags, '--listen', '0.0.0.0:6443').split(':').at(-1);
  say('Starting the cluster …');
  const server = spawn(process.execPath, [join(ROOT, 'dist/coracle.mjs'), 'server', ...flags], {
    stdio: ['ignore', 'inherit', 'inherit'],
    // A group of its own: Ctrl-C reaches it once, through us.
    detached: true,
  });
  const ended = new Promise<number>((resolve) => {
    server.on('error', () => resolve(127));
    server.on('exit', (code, signal) =>
      resolve(code ?? (signal === 'SIGTERM' || signal === 'SIGINT' ? 0 : 1)),
    );
  });
  const stopped = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.on(signal, () => {
      if (!stopped.signal.aborted) say('\nStopping …');
      stopped.abort();
      server.kill('SIGTERM');
    });
  void ended.then(() => stopped.abort());

  void greet(kubeconfig, `https://127.0.0.1:${port}`, withAgent, stopped.signal);
  return ended;
}

/** Waits for the node (or the server alone) and says how to go on. */
async function greet(
  kubeconfig: string,
  url: string,
  withAgent: boolean,
  stopped: AbortSignal,
): Promise<void> {
  const fetched = kubectlPath();
  const kubectl = (...args: string[]) =>
    command([fetched, '--kubeconfig', kubeconfig, '--server', url, ...args], { timeoutMs: 10_000 }).catch(
      () => undefined,
    );
  const since = performance.now();
  let patient = true;
  while (!stopped.aborted) {
    if (existsSync(kubeconfig) && readFileSync(kubeconfig, 'utf8') !== '') {
      const answer = withAgent ? await kubectl('get', 'nodes') : await kubectl('get', '--raw', '/readyz');
      if (answer === undefined && !existsSync(fetched)) {
        say(`The cluster runs; its kubeconfig is ${kubeconfig}`);
        return;
      }
      if (answer?.code === 0 && (!withAgent || /\sReady\s/.test(answer.stdout))) {
        say(
          `\n${withAgent ? answer.stdout : 'The control plane is ready; boards join with: coracle agent --server URL --token TOKEN'}`,
        );
        say(`kubeconfig: ${kubeconfig}\n`);
        const line = `${fetched} --kubeconfig ${kubeconfig}`;
        say('Try:');
        say(`  ${line} create deployment hello --image=coracle.local/hello:1`);
        say(`  ${line} get pods -o wide -w`);
        say(`  ${line} port-forward deployment/hello 8080    # then open http://127.0.0.1:8080`);
        if (fetched !== 'kubectl')
          say(`\n(kubectl is in ${fetched}; put its directory on your PATH to type less.)`);
        say('\nCtrl-C stops the cluster; the next start finds everything again.');
        return;
      }
    }
    if (patient && performance.now() - since > 60_000) {
      patient = false;
      say('Still waiting for the node to become Ready; what the server says above tells why.');
    }
    await sleep(300, undefined, { signal: stopped }).catch(() => {});
  }
}

process.exitCode = await main(process.argv.slice(2));
