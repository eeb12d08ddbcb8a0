/** A broker of the cluster's own, whichever program it is. */
import { createServer } from 'node:net';
import type { HostPort } from '#proto/config/options.ts';
import type { Clock } from '#proto/meta/clock.ts';
import type { Logger } from '#proto/meta/log.ts';
import type { BrokerAccess } from './access.plan.ts';

export interface Broker {
  /** Who may do what from now on; who may no longer be there is sent away. Takes effect at once. */
  admit(access: BrokerAccess): void;
  /** Ends a broker that does not answer; {@link run} starts it again. */
  restart(reason: string): void;
  /** Runs until the signal; never rejects. */
  run(signal: AbortSignal): Promise<void>;
}

export interface BrokerOptions {
  readonly boards: HostPort;
  readonly people: HostPort;
  readonly localPort: number;
  /** PEM. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
}

/** Whether a port of loopback is there to be taken. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}
