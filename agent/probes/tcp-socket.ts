import net from 'node:net';
import type { Outcome } from './probe.plan.ts';

/** Succeeds when the connection does. */
export function probeTcp(host: string, port: number, timeoutMs: number): Promise<Outcome> {
  return new Promise((resolve) => {
    const socket = net.connect({ host, port });
    const end = (outcome: Outcome): void => {
      socket.destroy();
      resolve(outcome);
    };
    socket.setTimeout(timeoutMs, () =>
      end({ type: 'failure', message: `dial tcp ${host}:${port}: i/o timeout` }),
    );
    socket.on('connect', () => end({ type: 'success', message: '' }));
    socket.on('error', (err) =>
      end({ type: 'failure', message: `dial tcp ${host}:${port}: ${err.message}` }),
    );
  });
}
