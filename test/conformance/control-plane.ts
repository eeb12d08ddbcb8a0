/** A server alone, on loopback, for tests that need no node: it starts in a second and needs no root. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '#proto/net/testing/free-port.ts';
import { eventually } from '../support/boards/eventually.ts';
import { CORACLE } from '../support/cluster/cluster.ts';
import { Kubectl } from '../support/cluster/kubectl.ts';

export interface ControlPlane {
  readonly kubeconfig: string;
  stop(): Promise<void>;
}

/** Some tests want the name of a node, to write it into an object. No Pod ever runs on this one. */
const PAPER_NODE = JSON.stringify({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name: 'paper' },
  spec: { unschedulable: true },
});

/** In a directory that is its own; resolves when it answers /readyz. */
export async function startControlPlane(directory: string, flags: readonly string[]): Promise<ControlPlane> {
  mkdirSync(directory, { recursive: true });
  const [port, agentPort] = [await freePort(), await freePort()];
  const kubeconfig = join(directory, 'kubeconfig.yaml');
  const log = openSync(join(directory, 'server.log'), 'a');
  const [file = '', ...args] = CORACLE;
  const child = spawn(
    file,
    [
      ...[...args, 'server', '--config', '/dev/null', '--no-agent', '--mqtt', 'off'],
      ...['--data-dir', join(directory, 'data'), '--write-kubeconfig', kubeconfig],
      ...['--listen', `127.0.0.1:${port}`, '--agent-listen', `127.0.0.1:${agentPort}`],
      ...['--advertise-address', '127.0.0.1', ...flags],
    ],
    { stdio: ['ignore', log, log], detached: true },
  );
  closeSync(log);
  child.on('error', () => {}); // /readyz tells
  const kubectl = new Kubectl(kubeconfig, `https://127.0.0.1:${port}`, directory);
  try {
    await eventually(() => kubectl.ok('get --raw /readyz', { timeoutMs: 5_000 }), { intervalMs: 200 });
    await kubectl.ok(['create', '--validate=false', '-f', '-'], { input: PAPER_NODE });
  } catch (err) {
    await end(child);
    throw new Error(`the server does not start, see ${join(directory, 'server.log')}`, { cause: err });
  }
  child.unref();
  return {
    kubeconfig,
    stop: async () => {
      await end(child);
      rmSync(join(directory, 'data'), { recursive: true, force: true });
    },
  };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const patience = setTimeout(() => child.kill('SIGKILL'), 15_000);
  await exited;
  clearTimeout(patience);
}
