/**
 * Keeps the board from running out: with each sample of it, at most one Pod is ended, after what can be had without ending any.
 * No timer of its own. Guarantees: critical Pods stay; the next Pod goes only when the last is gone, or was given half a minute.
 */
import type { NodeMetrics, NodeSample } from '#agent/node/metrics.ts';
import type { Verdict } from '#agent/pod/verdict.ts';
import type { Clock } from '#proto/meta/clock.ts';
import type { Logger } from '#proto/meta/log.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import type { PressureGauge } from './gauge.ts';
import { hasLocalLimits, localStorageVerdict } from './local-storage.plan.ts';
import { observationsOf } from './observations.plan.ts';
import type { PodUses } from './pod-use.ts';
import { thresholdsMet } from './pressure.plan.ts';
import { type Candidate, evictionMessage, isCritical, rankForEviction } from './rank.plan.ts';
import { SIGNALS, type Threshold } from './thresholds.plan.ts';

export interface EvictorOptions {
  readonly gauge: PressureGauge;
  readonly metrics: Pick<NodeMetrics, 'onSample'>;
  readonly uses: Pick<PodUses, 'measure' | 'written'>;
  /** `--eviction-max-pod-grace-period` */
  readonly maxPodGraceSeconds: number;
  /** Pods that have not ended, each with its status of now. */
  pods(): readonly Pod[];
  evict(uid: string, verdict: Verdict): void;
  /** Gives disk back that no Pod needs. */
  reclaimDisk(sample: NodeSample): Promise<void>;
  resample(): Promise<NodeSample>;
  /** An event about the node. */
  event(type: 'Normal' | 'Warning', reason: string, message: string): void;
  readonly clock: Clock;
  readonly log: Logger;
}

/** A hard threshold leaves no time. */
const IMMEDIATE_SECONDS = 1;
const CLEANUP_MS = 30_000;
/** Between two measurements of what Pods write, and this many times what one took, whichever is longer. */
const MEASURE_MS = 30_000;
const MEASURE_FACTOR = 50;

export class Evictor {
  readonly #options: EvictorOptions;
  #busy = false;
  #ending: { readonly uid: string; readonly sinceMs: number } | undefined;
  #measureAtMs = 0;

  constructor(options: EvictorOptions) {
    this.#options = options;
  }

  /** Until the signal. */
  start(signal: AbortSignal): void {
    const off = this.#options.metrics.onSample((sample) => {
      void this.observe(sample).catch((err: unknown) => this.#options.log.warn('no Pod evicted', { err }));
    });
    signal.addEventListener('abort', off, { once: true });
  }

  /** The conditions are right as soon as this returns; what has to be done about them goes on. */
  async observe(sample: NodeSample): Promise<void> {
    const { reclaim } = this.#options.gauge.observe(sample);
    if (this.#busy) return;
    this.#busy = true;
    try {
      if (this.#stillEnding()) return;
      if (await this.#enforceLocalLimits()) return;
      const [first] = reclaim;
      if (first) await this.#reclaim(first, reclaim, sample);
    } finally {
      this.#busy = false;
    }
  }

  #stillEnding(): boolean {
    const { clock, pods } = this.#options;
    if (!this.#ending) return false;
    const { uid, sinceMs } = this.#ending;
    const there = pods().some((pod) => pod.metadata.uid === uid);
    if (there && clock.now() - sinceMs < CLEANUP_MS) return true;
    this.#ending = undefined;
    return false;
  }

  async #enforceLocalLimits(): Promise<boolean> {
    const { clock, pods, uses } = this.#options;
    const limited = pods().filter((pod) => hasLocalLimits(pod) && !isCritical(pod));
    const begun = clock.now();
    if (limited.length === 0 || begun < this.#measureAtMs) return false;
    let evicted = false;
    const written = await uses.written(limited);
    for (const pod of limited) {
      const use = written.get(pod.metadata.uid ?? '');
      const message = use && localStorageVerdict(pod, use);
      if (!message) continue;
      this.#evict(pod, { reason: 'Evicted', message, graceSeconds: IMMEDIATE_SECONDS });
      evicted = true;
    }
    const tookMs = clock.now() - begun;
    this.#measureAtMs = clock.now() + Math.max(MEASURE_MS, MEASURE_FACTOR * tookMs);
    return evicted;
  }

  async #reclaim(first: Threshold, all: readonly Threshold[], sample: NodeSample): Promise<void> {
    const { gauge, pods, uses, log, event, reclaimDisk, resample, maxPodGraceSeconds } = this.#options;
    const { resource, condition } = SIGNALS[first.signal];
    event('Warning', 'EvictionThresholdMet', `Attempting to reclaim ${resource}`);
    let observations = observationsOf(sample);
    if (condition === 'DiskPressure') {
      await reclaimDisk(sample);
      observations = observationsOf(await resample());
      if (thresholdsMet(gauge.thresholds, observations, true).length === 0) return;
    }
    const active = pods();
    const measured = await uses.measure(active, condition === 'DiskPressure');
    const candidates = active.map((pod): Candidate => ({ pod, use: measured.get(pod.metadata.uid ?? '') }));
    const chosen = rankForEviction(candidates, resource).find(({ pod }) => !isCritical(pod));
    if (!chosen) {
      log.warn('the board is short and has no Pod to end', { resource });
      return;
    }
    const own = chosen.pod.spec.terminationGracePeriodSeconds ?? 30;
    const soft = Math.min(maxPodGraceSeconds, own);
    this.#evict(chosen.pod, {
      reason: 'Evicted',
      message: evictionMessage(chosen, resource, all, observations),
      graceSeconds: first.graceMs === 0 ? IMMEDIATE_SECONDS : soft,
      isDisruption: true,
    });
  }

  #evict(pod: Pod, verdict: Verdict): void {
    const { uid = '', name, namespace } = pod.metadata;
    this.#options.log.info('pod evicted', { pod: `${namespace}/${name}`, why: verdict.message.trim() });
    this.#ending = { uid, sinceMs: this.#options.clock.now() };
    this.#options.evict(uid, verdict);
  }
}
