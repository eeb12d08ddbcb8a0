import type { Clock } from '#proto/meta/clock.ts';
import { isMissing } from './run.ts';
import type { Trigger } from './trigger.ts';

/** Something of the kernel's that is kept as it is wanted. */
export interface Keeping {
  readonly trigger: Trigger;
  readonly clock: Clock;
  /** Changes that follow one another faster than this are applied together. */
  readonly gapMs: number;
  /** When nothing has changed for so long, it is looked at again: others have their hands in the kernel, too. */
  readonly checkMs: number;
  /** How soon after a failure it is tried again, unless a program is missing: nobody installs one that fast. */
  readonly retryMs: number;
  /** Before an `apply` that no change asked for. */
  check?(): Promise<void>;
  apply(): Promise<void>;
  /** `again`: the try before has failed, too. */
  failed(err: unknown, again: boolean): void;
}

/** Until the signal aborts; what was applied stays. Never rejects. */
export async function keep(keeping: Keeping, signal: AbortSignal): Promise<void> {
  const { trigger, clock, gapMs, checkMs, retryMs } = keeping;
  let waitMs = 0;
  let hasFailed = false;
  while (!signal.aborted) {
    const fired = await trigger.wait(waitMs, signal);
    if (signal.aborted) return;
    try {
      if (!fired) await keeping.check?.();
      await keeping.apply();
      hasFailed = false;
      waitMs = checkMs;
    } catch (err) {
      keeping.failed(err, hasFailed);
      hasFailed = true;
      waitMs = isMissing(err) ? checkMs : retryMs;
    }
    await clock.sleep(gapMs, signal).catch(() => {});
  }
}
