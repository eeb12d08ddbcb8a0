/**
 * Eviction thresholds in the kubelet's words: `memory.available<100Mi`, `nodefs.available<10%`. A hard one is acted upon at once, a
 * soft one after its grace period. Pure. Rule: the kubelet's `eviction/helpers.go` and `eviction/api`.
 */
import { parseQuantity, quantityValue } from '#proto/meta/quantity.ts';

export type PressureCondition = 'MemoryPressure' | 'DiskPressure' | 'PIDPressure';

interface SignalFacts {
  readonly condition: PressureCondition;
  /** What is short, as events and messages call it. */
  readonly resource: 'memory' | 'ephemeral-storage' | 'inodes' | 'pids';
}

/** What is watched. `allocatableMemory.available` is what the Pods' own cgroup has left: nobody sets it, see {@link planThresholds}. */
export const SIGNALS = {
  'memory.available': { condition: 'MemoryPressure', resource: 'memory' },
  'allocatableMemory.available': { condition: 'MemoryPressure', resource: 'memory' },
  'nodefs.available': { condition: 'DiskPressure', resource: 'ephemeral-storage' },
  'nodefs.inodesFree': { condition: 'DiskPressure', resource: 'inodes' },
  'imagefs.available': { condition: 'DiskPressure', resource: 'ephemeral-storage' },
  'imagefs.inodesFree': { condition: 'DiskPressure', resource: 'inodes' },
  'pid.available': { condition: 'PIDPressure', resource: 'pids' },
} as const satisfies Readonly<Record<string, SignalFacts>>;

export type Signal = keyof typeof SIGNALS;

/** Of the capacity, 0…1, or so many bytes, inodes or process ids. */
export type Value = { readonly share: number } | { readonly amount: number };

export interface SignalValue {
  readonly signal: Signal;
  /** Undefined for `0%` and `100%`, which switch a threshold off. */
  readonly value: Value | undefined;
}

export interface Threshold {
  readonly signal: Signal;
  readonly value: Value;
  /** How long it has to be met before Pods go; 0 for a hard one. */
  readonly graceMs: number;
  /** How much more than the threshold has to be free again. */
  readonly minReclaim?: Value | undefined;
}

/** Upstream's, and process ids, of which a board runs out sooner than a machine with 4 million of them. */
export const DEFAULT_EVICTION_HARD = [
  'memory.available<100Mi',
  'nodefs.available<10%',
  'nodefs.inodesFree<5%',
  'imagefs.available<15%',
  'imagefs.inodesFree<5%',
  'pid.available<5%',
];

export const thresholdAmount = (value: Value, capacity: number): number =>
  'share' in value ? Math.floor(value.share * capacity) : value.amount;

/** `SIGNAL<VALUE`. Throws an Error that says what would be right. */
export function parseThreshold(text: string): SignalValue {
  return signalValue(text, '<');
}

/** `SIGNAL=VALUE`, of `--eviction-minimum-reclaim`. */
export function parseReclaim(text: string): SignalValue {
  return signalValue(text, '=');
}

/** `SIGNAL=DURATION`, of `--eviction-soft-grace-period`. */
export function parseGrace(text: string): { readonly signal: Signal; readonly ms: number } {
  const [signal, duration] = split(text, '=');
  const ms = durationMs(duration);
  if (ms < 0)
    throw new Error(`invalid eviction grace period specified: ${duration}, must be a positive value`);
  return { signal, ms };
}

function signalValue(text: string, operator: '<' | '='): SignalValue {
  const [signal, value] = split(text, operator);
  const percent = /^([0-9]+(?:\.[0-9]+)?)%$/.exec(value)?.[1];
  if (percent !== undefined) {
    const share = Number(percent) / 100;
    if (share > 1) throw new Error(`eviction percentage threshold ${signal} must be <= 100%: ${value}`);
    return { signal, value: share === 0 || share === 1 ? undefined : { share } };
  }
  if (parseQuantity(value).unscaled <= 0n)
    throw new Error(`eviction threshold ${signal} must be positive: ${value}`);
  return { signal, value: { amount: quantityValue(value) } };
}

function split(text: string, operator: '<' | '='): [Signal, string] {
  const at = text.indexOf(operator);
  if (at < 0) throw new Error(`"${text}" is not SIGNAL${operator}VALUE`);
  const signal = text.slice(0, at).trim();
  if (!isSignal(signal) || signal === 'allocatableMemory.available')
    throw new Error(`unsupported eviction signal ${signal}`);
  return [signal, text.slice(at + 1).trim()];
}

const isSignal = (text: string): text is Signal => Object.hasOwn(SIGNALS, text);

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** `1m30s`, as Go writes durations. Throws an Error. */
export function durationMs(text: string): number {
  if (!/^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$/.test(text))
    throw new Error(`"${text}" is not a duration such as 1m30s`);
  const parts = [...text.matchAll(/([0-9.]+)(ms|s|m|h)/g)];
  return parts.reduce((sum, [, amount, unit = '']) => sum + Number(amount) * (UNITS[unit] ?? 0), 0);
}

export interface ThresholdConfig {
  readonly hard: readonly SignalValue[];
  readonly soft: readonly SignalValue[];
  readonly softGrace: readonly { readonly signal: Signal; readonly ms: number }[];
  readonly minReclaim: readonly SignalValue[];
}

/**
 * All thresholds. What holds hard for the board's memory also holds for what the Pods' cgroup has left: it is below the board's by
 * what is reserved, and would be full first. Throws an Error where a soft threshold has no grace period.
 */
export function planThresholds({ hard, soft, softGrace, minReclaim }: ThresholdConfig): readonly Threshold[] {
  const reclaim = (signal: Signal): Value | undefined => minReclaim.find((r) => r.signal === signal)?.value;
  const of = ({ signal, value }: SignalValue, graceMs: number): Threshold[] =>
    value ? [{ signal, value, graceMs, minReclaim: reclaim(signal) }] : [];
  const hards = hard.flatMap((one) => of(one, 0));
  const memory = hards.find(({ signal }) => signal === 'memory.available');
  return [
    ...hards,
    ...(memory ? [{ ...memory, signal: 'allocatableMemory.available' } as const] : []),
    ...soft.flatMap((one) => {
      const grace = softGrace.find(({ signal }) => signal === one.signal);
      if (!grace)
        throw new Error(`grace period must be specified for the soft eviction threshold ${one.signal}`);
      return of(one, grace.ms);
    }),
  ];
}
