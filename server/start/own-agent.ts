/** The agent of the server's own board: a process of its own, so that neither's memory or crash is the other's. */
import type { ChildProcess } from 'node:child_process';
import { formatJoinToken } from '#proto/agent/join-token.ts';
import { systemClock } from '#proto/meta/clock.ts';
import { spawnWithoutFiles } from '#server/store/leveldb/spawn-without-files.ts';
import type { Foundation } from './foundation.ts';

const RESPAWN_MS = 2_000;
const STOP_MS = 10_000;

/** Runs until the signal; started again whenever it ends before. Containers outlive it. */
export async function runOwnAgent(
  foundation: Foundation,
  port: number,
  linkPort: number,
  signal: AbortSignal,
): Promise<void> {
  const { log } = foundation;
  const args = [process.argv[1] ?? '', 'agent', ...flagsFor(foundation, port, linkPort)];
  while (!signal.aborted) {
    const child = spawnWithoutFiles(process.execPath, args, {
      env: { ...process.env, CORACLE_TOKEN: tokenOf(foundation) },
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    const code = await ended(child, signal);
    if (signal.aborted) return;
    log.error('the agent of this board ended, starting it again', { code });
    await systemClock.sleep(RESPAWN_MS, signal).catch(() => {});
  }
}

/** It joins as any other does: with a token, over the link. */
function flagsFor({ options, advertiseAddress }: Foundation, port: number, linkPort: number): string[] {
  const given: Readonly<Record<string, string>> = {
    server: `https://127.0.0.1:${port}`,
    'server-link': `127.0.0.1:${linkPort}`,
    'node-name': options.nodeName,
    'node-ip': advertiseAddress,
    'data-dir': options.dataDir,
    'log-level': options.logLevel,
    'set-clock': options.setClock,
    'ingress-http-port': String(options.ingressHttpPort),
    'ingress-https-port': String(options.ingressHttpsPort),
    ...(options.containerd ? { containerd: options.containerd } : {}),
  };
  return Object.entries(given).flatMap(([name, value]) => [`--${name}`, value]);
}

/** It goes by the environment: arguments are for everybody to see. */
function tokenOf({ keys }: Foundation): string {
  const { joinToken, caHash } = keys.current;
  return formatJoinToken({ token: joinToken, caPin: caHash.replace(/^sha256:/, '') });
}

function ended(child: ChildProcess, signal: AbortSignal): Promise<number | string | null> {
  return new Promise((resolve) => {
    let timer: NodeJS.Timeout | undefined;
    const stop = (): void => {
      child.kill('SIGTERM');
      timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    };
    signal.addEventListener('abort', stop, { once: true });
    const done = (result: number | string | null): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
      resolve(result);
    };
    child.once('exit', (code, by) => done(code ?? by));
    child.once('error', (err) => done(err.message));
  });
}
