/**
 * Obeys a request on the board's own Node to start anew. That it was obeyed is on the disk before it happens: whatever comes in
 * between, the same request never counts again.
 */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import type { DesiredState } from '#agent/link/cluster.ts';
import { writeFileAtomic } from '#proto/meta/atomic-file.ts';
import type { Clock } from '#proto/meta/clock.ts';
import type { Logger } from '#proto/meta/log.ts';
import { planReboot } from './reboot.plan.ts';

/** What can be done to the machine itself. */
export interface Machine {
  /** Resolves when it is on its way down; rejects where that can't be. */
  reboot(): Promise<void>;
}

export interface RebootOptions {
  readonly desired: Pick<DesiredState, 'node' | 'onChange'>;
  readonly machine: Machine;
  /** Keeps the last request that was obeyed. */
  readonly stateFile: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Until the signal. */
export function obeyReboots(
  { desired, machine, stateFile, clock, log }: RebootOptions,
  signal: AbortSignal,
): void {
  let honoured = existsSync(stateFile) ? readFileSync(stateFile, 'utf8') : undefined;
  const look = (): void => {
    const request = planReboot(desired.node(), honoured, clock.now());
    if (request === undefined) return;
    try {
      writeFileAtomic(stateFile, request);
    } catch (err) {
      log.error('no reboot: that it was asked for can not be kept', { err });
      return;
    }
    honoured = request;
    log.warn('rebooting, as the cluster asked', { request });
    machine.reboot().catch((err: unknown) => log.error('the board does not reboot', { err }));
  };
  const ignore = desired.onChange((plural) => {
    if (plural === 'nodes') look();
  });
  signal.addEventListener('abort', ignore, { once: true });
  look();
}

const run = promisify(execFile);

/** This machine, by a line of shell: services end as at any shutdown. */
export const machineOf = (rebootCommand: string): Machine => ({
  reboot: async () => {
    await run('/bin/sh', ['-c', rebootCommand]);
  },
});
