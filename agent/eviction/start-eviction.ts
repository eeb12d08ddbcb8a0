/** Reservations and eviction, put together. */
import { ImageGarbage } from '#agent/images/garbage.ts';
import type { DesiredState } from '#agent/link/cluster.ts';
import type { NodeMetrics, NodeSample } from '#agent/node/metrics.ts';
import { type BoardSize, podsLimits } from '#agent/node/reserved.plan.ts';
import type { Sampler } from '#agent/node/sampler.ts';
import type { AgentOptions } from '#agent/options.ts';
import type { Pods } from '#agent/pod/pods.ts';
import type { PodCgroupTree } from '#agent/runtime/cgroup/pod-cgroups.ts';
import type { Runtime } from '#agent/runtime/runtime.ts';
import type { Clock } from '#proto/meta/clock.ts';
import type { Logger } from '#proto/meta/log.ts';
import { Evictor } from './evictor.ts';
import { PressureGauge } from './gauge.ts';
import { PodUses } from './pod-use.ts';
import { planThresholds } from './thresholds.plan.ts';

/** Throws an Error where a soft threshold has no grace period. */
export const openGauge = (options: AgentOptions): PressureGauge =>
  new PressureGauge(
    planThresholds({
      hard: options.evictionHard,
      soft: options.evictionSoft,
      softGrace: options.evictionSoftGracePeriod,
      minReclaim: options.evictionMinimumReclaim,
    }),
    options.evictionPressureTransitionPeriod,
  );

export interface EvictionParts {
  readonly options: AgentOptions;
  readonly gauge: PressureGauge;
  readonly inventory: BoardSize;
  readonly metrics: NodeMetrics;
  readonly sampler: Sampler;
  readonly runtime: Runtime;
  readonly cgroups: PodCgroupTree;
  readonly pods: Pods;
  readonly desired: Pick<DesiredState, 'pods'>;
  /** References of images that are never given up. */
  readonly keptImages: readonly string[];
  readonly nodeName: string;
  readonly podsDir: string;
  readonly logsDir: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Bounds all Pods together by what is not reserved, and begins to look after the board, until the signal. */
export function startEviction(parts: EvictionParts, signal: AbortSignal): void {
  const {
    options,
    gauge,
    inventory,
    metrics,
    sampler,
    cgroups,
    runtime,
    desired,
    pods,
    nodeName,
    clock,
    log,
  } = parts;
  const about = { kind: 'Node', apiVersion: 'v1', name: nodeName, uid: nodeName };
  let bounded = false;
  const bound = async ({ maxProcesses }: NodeSample): Promise<void> => {
    if (bounded) return;
    bounded = true;
    try {
      await cgroups.limitAll(podsLimits(inventory, options, maxProcesses));
    } catch (err) {
      // The Pods use more than that already: what eviction frees makes room, and the next sample tries again.
      bounded = false;
      log.debug('Pods are not bounded yet', { err });
    }
  };
  const event = (type: 'Normal' | 'Warning', reason: string, message: string): void =>
    pods.events.record(about, type, reason, message);
  const garbage = new ImageGarbage({
    runtime,
    policy: {
      highPercent: options.imageGcHighThreshold,
      lowPercent: options.imageGcLowThreshold,
      minAgeMs: options.minimumImageTtlDuration,
    },
    pods: () => desired.pods(),
    kept: () => parts.keptImages,
    event,
    log,
  });
  const off = metrics.onSample((sample) => {
    void bound(sample);
    garbage.observe(sample).catch((err: unknown) => log.debug('images not looked at', { err }));
  });
  signal.addEventListener('abort', off, { once: true });
  new Evictor({
    gauge,
    metrics,
    uses: new PodUses(parts),
    maxPodGraceSeconds: options.evictionMaxPodGracePeriod,
    pods: () => pods.active(),
    evict: (uid, verdict) => pods.evict(uid, verdict),
    reclaimDisk: (sample) => garbage.collectAll(sample),
    resample: () => sampler.sample(),
    event,
    clock,
    log,
  }).start(signal);
}
