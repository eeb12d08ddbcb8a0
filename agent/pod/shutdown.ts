/**
 * The board is being switched off: its Pods end in order, critical ones last, while there is still a network to tell the cluster. Only when the
 * whole system stops: an agent that is restarted leaves all that runs. Rule: the kubelet's graceful node shutdown (KEP-2000).
 *
 * No inhibitor of logind is taken: the agent is a service of its own, and the system waits for it as long as its unit says.
 */
import { execFile } from 'node:child_process';
import { isCritical } from '#agent/eviction/rank.plan.ts';
import type { Clock } from '#proto/meta/clock.ts';
import type { Logger } from '#proto/meta/log.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import type { Verdict } from './verdict.ts';

const LOOK_MS = 250;
/** For what is told to reach the server. */
const TELL_MS = 2000;

export interface ShutdownOptions {
  /** Tells the cluster that this board takes no more Pods. A server that does not answer is not waited for. */
  announce(): Promise<void>;
  readonly graceMs: number;
  /** Of that, for critical Pods. */
  readonly criticalGraceMs: number;
  /** Pods that have not ended. */
  pods(): readonly Pod[];
  evict(uid: string, verdict: Verdict): void;
  /** Whether the server knows all there is to know of the Pod. */
  isTold(uid: string): boolean;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Resolves when all have ended, or their time is over. */
export async function endPods(options: ShutdownOptions): Promise<void> {
  const { graceMs, criticalGraceMs, announce, pods, isTold, clock, log } = options;
  const all = pods();
  log.info('the board is being switched off, its pods end', { pods: all.length });
  const told = new AbortController();
  const isLate = clock.sleep(TELL_MS, told.signal).catch(() => undefined);
  await Promise.race([announce().finally(() => told.abort()), isLate]);
  await endGroup(
    options,
    all.filter((pod) => !isCritical(pod)),
    Math.max(0, graceMs - criticalGraceMs),
  );
  await endGroup(options, all.filter(isCritical), criticalGraceMs);
  const by = clock.now() + TELL_MS;
  while (clock.now() < by && !all.every(({ metadata }) => isTold(metadata.uid ?? '')))
    await clock.sleep(LOOK_MS);
}

async function endGroup(
  { pods, evict, clock, log }: ShutdownOptions,
  group: readonly Pod[],
  graceMs: number,
): Promise<void> {
  if (group.length === 0) return;
  for (const { metadata, spec } of group)
    evict(metadata.uid ?? '', {
      reason: 'Terminated',
      message: 'Pod was terminated in response to imminent node shutdown.',
      graceSeconds: Math.min(spec.terminationGracePeriodSeconds ?? 30, Math.floor(graceMs / 1000)),
      isDisruption: true,
      isQuiet: true,
    });
  const uids = new Set(group.map(({ metadata }) => metadata.uid));
  const by = clock.now() + graceMs;
  const left = (): number => pods().filter(({ metadata }) => uids.has(metadata.uid)).length;
  while (clock.now() < by && left() > 0) await clock.sleep(LOOK_MS);
  if (left() > 0) log.warn('pods have not ended in their time', { pods: left() });
}

/** What is to be done before the agent ends, if it ends because the whole board does. */
export class LastDeeds {
  readonly #isWanted: boolean;
  readonly #deeds: (() => Promise<void>)[] = [];
  #isShuttingDown = false;

  /** `isWanted`: false where the board's owner gives Pods no time. */
  constructor(isWanted: boolean) {
    this.#isWanted = isWanted;
  }

  get isShuttingDown(): boolean {
    return this.#isShuttingDown;
  }

  add(deed: () => Promise<void>): void {
    this.#deeds.push(deed);
  }

  /** Never rejects. */
  async run(log: Logger): Promise<void> {
    if (!this.#isWanted || this.#deeds.length === 0 || !(await isSystemStopping())) return;
    this.#isShuttingDown = true;
    for (const deed of this.#deeds)
      await deed().catch((err: unknown) => log.warn('not all was put away', { err }));
  }
}

/** Whether systemd is about to stop the whole system; false where there is none. */
export function isSystemStopping(): Promise<boolean> {
  return new Promise((resolve) => {
    // It fails for every state but one, and says which in any case.
    execFile('systemctl', ['is-system-running'], { timeout: 3000 }, (_err, stdout) =>
      resolve(stdout.trim() === 'stopping'),
    );
  });
}
