import { Socket } from 'node:net';
import { socketError } from '#proto/net/dial.ts';
import { hostPort } from '#proto/net/host-port.ts';
import type { Outcome } from './probe.plan.ts';

/** Succeeds when the connection does. */
export function probeTcp(host: string, port: number, timeoutMs: number): Promise<Outcome> {
  return new Promise((resolve) => {
    const socket = new Socket();
    const end = (outcome: Outcome): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(outcome);
    };
    const timer = setTimeout(
      () => end({ type: 'failure', message: `dial tcp ${hostPort(host, port)}: i/o timeout` }),
      timeoutMs,
    );
    socket.on('connect', () => end(CONNECTED));
    socket.on('error', (err) => end({ type: 'failure', message: socketError(host, port, err) }));
    socket.connect({ host, port });
  });
}

const CONNECTED: Outcome = { type: 'success', message: '' };
