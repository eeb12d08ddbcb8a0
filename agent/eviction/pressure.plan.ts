/**
 * What the board is short of: which thresholds are met, since when, and which conditions follow. A condition outlasts its cause by
 * the transition period, so that a board does not draw Pods to and fro. Pure. Rule: the kubelet's `synchronize`.
 */
import {
  type PressureCondition,
  SIGNALS,
  type Signal,
  type Threshold,
  thresholdAmount,
} from './thresholds.plan.ts';

export interface Observation {
  readonly available: number;
  readonly capacity: number;
}

/** What this board can measure; a signal that is absent meets no threshold. */
export type Observations = Readonly<Partial<Record<Signal, Observation>>>;

export interface PressureState {
  /** When each threshold that is met now was met first. */
  readonly firstMet: ReadonlyMap<Threshold, number>;
  readonly lastSeen: ReadonlyMap<PressureCondition, number>;
  /** Thresholds past their grace. */
  readonly met: readonly Threshold[];
}

export const NO_PRESSURE: PressureState = { firstMet: new Map(), lastSeen: new Map(), met: [] };

export interface PressureInput {
  readonly thresholds: readonly Threshold[];
  readonly observations: Observations;
  readonly state: PressureState;
  readonly transitionMs: number;
  /** Milliseconds of a clock that only goes forward, such as the time since boot. */
  readonly now: number;
}

export interface Pressure {
  readonly state: PressureState;
  readonly conditions: readonly PressureCondition[];
  /** What to act upon, the most urgent first: memory, for it is gone soonest. */
  readonly reclaim: readonly Threshold[];
}

export function planPressure({
  thresholds,
  observations,
  state,
  transitionMs,
  now,
}: PressureInput): Pressure {
  const unresolved = thresholdsMet(state.met, observations, true);
  const met = [...new Set([...thresholdsMet(thresholds, observations, false), ...unresolved])];
  const firstMet = new Map(met.map((threshold) => [threshold, state.firstMet.get(threshold) ?? now]));
  const lastSeen = new Map(state.lastSeen);
  for (const { signal } of met) lastSeen.set(SIGNALS[signal].condition, now);
  for (const [condition, at] of lastSeen)
    if (now - at >= transitionMs && at !== now) lastSeen.delete(condition);
  const due = met.filter((threshold) => now - (firstMet.get(threshold) ?? now) >= threshold.graceMs);
  const urgency = ({ signal }: Threshold): number => (SIGNALS[signal].resource === 'memory' ? 0 : 1);
  return {
    state: { firstMet, lastSeen, met: due },
    conditions: [...lastSeen.keys()],
    reclaim: [...due].sort((a, b) => urgency(a) - urgency(b)),
  };
}

/** `resolving`: also what is not yet free by as much more as was asked for. */
export function thresholdsMet(
  thresholds: readonly Threshold[],
  observations: Observations,
  resolving: boolean,
): readonly Threshold[] {
  return thresholds.filter(({ signal, value, minReclaim }) => {
    const seen = observations[signal];
    if (!seen) return false;
    const more = resolving && minReclaim ? thresholdAmount(minReclaim, seen.capacity) : 0;
    return seen.available < thresholdAmount(value, seen.capacity) + more;
  });
}
