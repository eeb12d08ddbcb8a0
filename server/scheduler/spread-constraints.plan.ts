import type { Pod, TopologySpreadConstraint } from '#proto/schema/generated/core-v1.ts';
import type { LabelSelector } from '#proto/schema/generated/meta-v1.ts';
import { matchesSelector } from '#server/controllers/label-selector.ts';
import type { Cluster, Counted, Counts } from './cluster.plan.ts';
import { allows, choosesNodes } from './filter/node-affinity.ts';
import { toleratesTaint } from './filter/taint-toleration.ts';
import type { NodeInfo } from './node-info.plan.ts';
import { isTerminating, type PodInfo } from './pod-info.plan.ts';

export const HOSTNAME = 'kubernetes.io/hostname';
export const ZONE = 'topology.kubernetes.io/zone';

/** A constraint with its defaults, ready to be asked. */
export interface SpreadConstraint {
  readonly topologyKey: string;
  readonly maxSkew: number;
  readonly minDomains: number;
  readonly selects: (pod: PodInfo) => boolean;
  readonly counted: Counted;
}

/** Those of the Pod's own constraints that say `action` of a node that would make it uneven. */
export function spreadConstraintsOf(
  pod: PodInfo,
  action: 'DoNotSchedule' | 'ScheduleAnyway',
): readonly SpreadConstraint[] {
  const own = pod.pod.spec.topologySpreadConstraints;
  if (!own || own.length === 0) return [];
  const chosen = own.filter(({ whenUnsatisfiable }) => whenUnsatisfiable === action);
  const keys = [...new Set(chosen.map(({ topologyKey }) => topologyKey))].sort();
  return chosen.map((constraint) => constraintOf(pod, constraint, keys));
}

/** The Pods of `selectors`, all at once, over the places of one label: the system's own rule for Pods that have none. */
export function defaultConstraint(
  pod: PodInfo,
  selectors: readonly LabelSelector[],
  topologyKey: string,
  maxSkew: number,
): SpreadConstraint {
  const selects = selecting(pod.namespace, selectors);
  const nodes = inclusion(pod.pod, true, false, []);
  const key = JSON.stringify([topologyKey, pod.namespace, selectors, nodes.key]);
  const counted = { key, topologyKey, matches: living(selects), ...nodes.rule };
  return { topologyKey, maxSkew, minDomains: 1, selects, counted };
}

/** `keys`: of all constraints that count together. A node without one of them counts for none. */
function constraintOf(
  pod: PodInfo,
  constraint: TopologySpreadConstraint,
  keys: readonly string[],
): SpreadConstraint {
  const { topologyKey, maxSkew, minDomains = 1, matchLabelKeys = [], labelSelector } = constraint;
  const labels: Record<string, string> = {};
  for (const name of matchLabelKeys) {
    const value = pod.labels && Object.hasOwn(pod.labels, name) ? pod.labels[name] : undefined;
    if (value !== undefined) labels[name] = value;
  }
  // An absent selector selects nothing, whatever keys are to match.
  const selectors = labelSelector ? [labelSelector, { matchLabels: labels }] : [];
  const selects = selecting(pod.namespace, selectors);
  const nodes = inclusion(
    pod.pod,
    constraint.nodeAffinityPolicy !== 'Ignore',
    constraint.nodeTaintsPolicy === 'Honor',
    keys,
  );
  const key = JSON.stringify([topologyKey, pod.namespace, selectors, nodes.key]);
  const counted = { key, topologyKey, matches: living(selects), ...nodes.rule };
  return { topologyKey, maxSkew, minDomains, selects, counted };
}

function selecting(namespace: string, selectors: readonly LabelSelector[]): (pod: PodInfo) => boolean {
  if (selectors.length === 0) return () => false;
  return (pod) =>
    pod.namespace === namespace && selectors.every((selector) => matchesSelector(selector, pod.labels));
}

/** What is on its way out is not counted. */
const living =
  (selects: (pod: PodInfo) => boolean) =>
  (pod: PodInfo): boolean =>
    !isTerminating(pod) && selects(pod);

/** Which nodes count, and a text that tells such choices apart. */
function inclusion(
  pod: Pod,
  honorAffinity: boolean,
  honorTaints: boolean,
  keys: readonly string[],
): { readonly key: unknown; readonly rule: Pick<Counted, 'includes'> } {
  const { nodeSelector, affinity, tolerations } = pod.spec;
  const choosy = honorAffinity && choosesNodes(pod);
  if (!choosy && !honorTaints && keys.length < 2) return { key: keys, rule: {} };
  const required = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  const includes = (node: NodeInfo): boolean =>
    keys.every((key) => node.labels[key] !== undefined) &&
    (!choosy || allows(pod, node.node)) &&
    (!honorTaints || node.taints.every((taint) => toleratesTaint(tolerations, taint)));
  const key = [keys, choosy ? [nodeSelector, required] : 0, honorTaints ? (tolerations ?? []) : 0];
  return { key, rule: { includes } };
}

export const countsOf = (cluster: Cluster, { counted }: SpreadConstraint): Counts => cluster.counts(counted);
