/**
 * One probe of one running container, as upstream's prober worker sees it:
 *
 *   unknown ──success × successThreshold──> success ⇄ failure   (× failureThreshold)
 *
 * Readiness starts as failure, liveness as success, startup as unknown. A result changes only when its threshold is
 * reached; what is held (a liveness failure) ends with the container.
 */
import type { Probe } from '#proto/schema/generated/core-v1.ts';

export type ProbeKind = 'liveness' | 'readiness' | 'startup';

export type Outcome =
  | { readonly type: 'success'; readonly message: string }
  /** Success that somebody should hear of. */
  | { readonly type: 'warning'; readonly message: string }
  | { readonly type: 'failure'; readonly message: string }
  /** The probe itself could not be made: counts for nothing. */
  | { readonly type: 'error'; readonly message: string };

export interface ProbeState {
  readonly result: 'unknown' | 'success' | 'failure';
  /** The last outcome, and how many of it came in a row. */
  readonly last: 'success' | 'failure' | undefined;
  readonly run: number;
}

export function initialState(kind: ProbeKind): ProbeState {
  const result = ({ liveness: 'success', readiness: 'failure', startup: 'unknown' } as const)[kind];
  return { result, last: undefined, run: 0 };
}

/** The state after one more outcome. */
export function stepProbe(state: ProbeState, probe: Probe, outcome: Outcome): ProbeState {
  if (outcome.type === 'error') return state;
  const last = outcome.type === 'failure' ? 'failure' : 'success';
  // More of what was said often enough says nothing new.
  if (state.last === last && state.result === last) return state;
  const run = state.last === last ? state.run + 1 : 1;
  const threshold = last === 'success' ? (probe.successThreshold ?? 1) : (probe.failureThreshold ?? 3);
  return { result: run >= threshold ? last : state.result, last, run };
}

export const periodMs = (probe: Probe): number => Math.max(1, probe.periodSeconds ?? 10) * 1000;
export const timeoutMs = (probe: Probe): number =>
  Math.min(LONGEST_MS, Math.max(1, probe.timeoutSeconds ?? 1) * 1000);
/** A timer of more, 24 days, would end at once. */
const LONGEST_MS = 2 ** 31 - 1;

/**
 * How long after `now` the first try is due: the initial delay counts from the container's start. A start in the future was
 * told by a clock that has been set back since: it was just now.
 */
export function firstDelayMs(probe: Probe, startedAtMs: number, now: number): number {
  return Math.max(0, Math.min(startedAtMs, now) + (probe.initialDelaySeconds ?? 0) * 1000 - now);
}

/**
 * When the next try is due, after one that was due at `dueMs`: a period later, down to a moment that all probes of the board
 * share. So only the first wait is shorter, by a quarter of the period at most. What was missed by a try that took too long
 * is not made up for.
 */
export function nextDueMs(probe: Probe, dueMs: number, now: number): number {
  const period = periodMs(probe);
  const step = Math.min(1000, period / 4);
  return Math.max(Math.floor((dueMs + period) / step), Math.floor(now / step) + 1) * step;
}

/** A port by number, or by the name that the container gives it. */
export function portOf(
  port: number | string,
  ports: readonly { readonly name?: string | undefined; readonly containerPort: number }[] | undefined,
): number | undefined {
  if (typeof port === 'number') return port;
  const named = ports?.find((p) => p.name === port);
  if (named) return named.containerPort;
  const number = Number(port);
  return Number.isInteger(number) && number > 0 ? number : undefined;
}
