/**
 * How many replicas a metric asks for. Rule: upstream's `replica_calculator.go`. All amounts are thousandths.
 * A Pod that says nothing, or is not ready, must not make the set move the wrong way: on the way up such Pods
 * count as idle, on the way down as busy, and where that turns the direction round nothing happens at all.
 */
import { milliValue } from '#proto/meta/quantity.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import type { PodMetrics } from '#proto/schema/generated/metrics-v1beta1.ts';
import { podCondition } from '#server/controllers/pod-state.ts';
import { timeOf } from '#server/controllers/timestamps.ts';

/** So long a CPU figure of a Pod that has just begun is looked at twice. */
const CPU_INITIALIZATION_MS = 5 * 60_000;
/** Not ready since so soon after its start: it has never been ready. */
const INITIAL_READINESS_MS = 30_000;

export interface Tolerances {
  readonly up: number;
  readonly down: number;
}

interface Figure {
  readonly value: number;
  readonly atMs: number;
  readonly windowMs: number;
}

export interface CountInput {
  readonly resource: string;
  /** `''`: the whole Pod. */
  readonly container: string;
  readonly currentReplicas: number;
  readonly pods: readonly Pod[];
  readonly metrics: readonly PodMetrics[];
  readonly tolerances: Tolerances;
  readonly now: number;
}

/** A value that can't be had is an answer, too: upstream's words. */
export type Count =
  | { readonly replicas: number; readonly utilization?: number; readonly average: number }
  | { readonly error: string };

/** By percentage of what Pods request. */
export function countByUtilization(input: CountInput, target: number): Count {
  const grouped = groupPods(input);
  if ('error' in grouped) return grouped;
  const requests = requestsOf(input);
  if ('error' in requests) return requests;
  const ratioOf = (figures: ReadonlyMap<string, number>) => {
    let total = 0;
    let requested = 0;
    let entries = 0;
    for (const [name, value] of figures) {
      if (!requests.byPod.has(name)) continue;
      total += value;
      entries += 1;
      requested += requests.byPod.get(name) ?? 0;
    }
    if (requested === 0) return undefined;
    const utilization = Math.trunc((total * 100) / requested);
    return { ratio: utilization / target, utilization, average: Math.trunc(total / entries) };
  };
  const first = ratioOf(grouped.figures);
  if (!first) return { error: 'no metrics returned matched known pods' };
  // Missing Pods are taken to use all that they request, or the target where that is more.
  const busy = (name: string): number =>
    Math.trunc(((requests.byPod.get(name) ?? 0) * Math.max(100, target)) / 100);
  const replicas = decide(input, grouped, first.ratio, busy, (figures) => ratioOf(figures)?.ratio);
  if (replicas === undefined) return { error: 'no metrics returned matched known pods' };
  return { replicas, utilization: first.utilization, average: first.average };
}

/** By the average that a Pod uses. */
export function countByAverage(input: CountInput, target: number): Count {
  const grouped = groupPods(input);
  if ('error' in grouped) return grouped;
  const averageOf = (figures: ReadonlyMap<string, number>): number =>
    Math.trunc([...figures.values()].reduce((sum, value) => sum + value, 0) / figures.size);
  const average = averageOf(grouped.figures);
  const replicas = decide(
    input,
    grouped,
    average / target,
    () => target,
    (all) => averageOf(all) / target,
  );
  return { replicas: replicas ?? input.currentReplicas, average };
}

export const noMetrics = (resource: string, why: string): string =>
  `unable to get metrics for resource ${resource}: ${why}`;

interface Groups {
  /** Of ready Pods. */
  readonly figures: ReadonlyMap<string, number>;
  readonly ready: number;
  readonly unready: readonly string[];
  readonly missing: readonly string[];
}

function decide(
  { currentReplicas, tolerances }: CountInput,
  { figures, ready, unready, missing }: Groups,
  ratio: number,
  busy: (pod: string) => number,
  ratioOf: (figures: ReadonlyMap<string, number>) => number | undefined,
): number | undefined {
  const isWithin = (value: number): boolean => 1 - tolerances.down <= value && value <= 1 + tolerances.up;
  const growsWithUnready = unready.length > 0 && ratio > 1;
  if (!growsWithUnready && missing.length === 0)
    return isWithin(ratio) ? currentReplicas : Math.ceil(ratio * ready);
  const all = new Map(figures);
  for (const name of missing) {
    if (ratio < 1) all.set(name, busy(name));
    else if (ratio > 1) all.set(name, 0);
  }
  if (growsWithUnready) for (const name of unready) all.set(name, 0);
  const next = ratioOf(all);
  if (next === undefined) return undefined;
  if (isWithin(next) || (ratio < 1 && next > 1) || (ratio > 1 && next < 1)) return currentReplicas;
  const replicas = Math.ceil(next * all.size);
  const turned = (next < 1 && replicas > currentReplicas) || (next > 1 && replicas < currentReplicas);
  return turned ? currentReplicas : replicas;
}

function groupPods(input: CountInput): Groups | { readonly error: string } {
  const { pods, resource, now } = input;
  const figures = figuresOf(input);
  if (input.metrics.length === 0)
    return { error: noMetrics(resource, 'no metrics returned from resource metrics API') };
  if (pods.length === 0) return { error: 'no pods returned by selector while calculating replica count' };
  const unready: string[] = [];
  const missing: string[] = [];
  let ready = 0;
  for (const pod of pods) {
    const name = pod.metadata.name ?? '';
    const figure = figures.get(name);
    if (pod.metadata.deletionTimestamp || pod.status?.phase === 'Failed') figures.delete(name);
    else if ((pod.status?.phase ?? 'Pending') === 'Pending') {
      unready.push(name);
      figures.delete(name);
    } else if (!figure) missing.push(name);
    else if (resource === 'cpu' && !isSettled(pod, figure, now)) {
      unready.push(name);
      figures.delete(name);
    } else ready += 1;
  }
  if (figures.size === 0)
    return { error: 'did not receive metrics for targeted pods (pods might be unready)' };
  return {
    figures: new Map([...figures].map(([name, { value }]) => [name, value])),
    ready,
    unready,
    missing,
  };
}

/** The CPU that a Pod takes to start says nothing of its load. */
function isSettled(pod: Pod, figure: Figure, now: number): boolean {
  const condition = podCondition(pod, 'Ready');
  const startMs = timeOf(pod.status?.startTime);
  if (!condition || startMs === 0) return false;
  const changedMs = timeOf(condition.lastTransitionTime);
  if (startMs + CPU_INITIALIZATION_MS > now)
    return condition.status !== 'False' && figure.atMs >= changedMs + figure.windowMs;
  return condition.status !== 'False' || startMs + INITIAL_READINESS_MS <= changedMs;
}

function figuresOf({ metrics, container, resource }: CountInput): Map<string, Figure> {
  const figures = new Map<string, Figure>();
  for (const { metadata, timestamp, window, containers } of metrics) {
    const counted = container === '' ? containers : containers.filter(({ name }) => name === container);
    const values = counted.map(({ usage }) => usage[resource]);
    if (values.length === 0 || values.includes(undefined)) continue;
    const value = values.reduce<number>((sum, text) => sum + Math.ceil(milliValue(text)), 0);
    figures.set(metadata.name ?? '', { value, atMs: timeOf(timestamp), windowMs: parseWindow(window) });
  }
  return figures;
}

const UNIT_MS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 };

/** Go's way to write durations: `1m15.02s`. */
function parseWindow(text: string): number {
  let ms = 0;
  for (const [, number, unit = ''] of text.matchAll(/([\d.]+)(ms|[hms])/g))
    ms += Number(number) * (UNIT_MS[unit] ?? 0);
  return ms;
}

type Requests = { readonly byPod: ReadonlyMap<string, number> } | { readonly error: string };

/** What each Pod asks for: of itself where it says so, else the sum of its containers and sidecars. */
function requestsOf({ pods, container, resource }: CountInput): Requests {
  const byPod = new Map<string, number>();
  for (const { metadata, spec } of pods) {
    const name = metadata.name ?? '';
    const own = spec.resources?.requests;
    if (own && Object.keys(own).length > 0 && container === '' && own[resource] !== undefined) {
      byPod.set(name, milliValue(own[resource]));
      continue;
    }
    const sidecars = (spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
    const counted = [...spec.containers, ...sidecars].filter((c) => container === '' || c.name === container);
    if (counted.length === 0) return { error: `container ${container} not found in Pod ${name}` };
    let sum = 0;
    for (const { name: of, resources } of counted) {
      const request = resources?.requests?.[resource];
      if (request === undefined)
        return { error: `missing request for ${resource} in container ${of} of Pod ${name}` };
      sum += milliValue(request);
    }
    byPod.set(name, sum);
  }
  return { byPod };
}
