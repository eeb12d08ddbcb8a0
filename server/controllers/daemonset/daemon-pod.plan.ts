import { daemonsets } from '#proto/api/apps/daemonsets.ts';
import type { DaemonSet } from '#proto/schema/generated/apps-v1.ts';
import type {
  Affinity,
  NodeSelectorTerm,
  Pod,
  PodSpec,
  Toleration,
} from '#proto/schema/generated/core-v1.ts';
import { REVISION_HASH } from '#server/controllers/history/history.plan.ts';
import { controllerReference } from '#server/controllers/ownership.ts';
import { timeOf } from '#server/controllers/timestamps.ts';

const TEMPLATE_GENERATION = 'pod-template-generation';
const GENERATION_ANNOTATION = 'deprecated.daemonset.template.generation';
const NODE_NAME_FIELD = 'metadata.name';

const tolerating = (state: string, effect: string): Toleration => ({
  key: `node.kubernetes.io/${state}`,
  operator: 'Exists',
  effect,
});

/** A daemon belongs to its node, in good days and in bad ones. */
const ALWAYS: readonly Toleration[] = [
  tolerating('not-ready', 'NoExecute'),
  tolerating('unreachable', 'NoExecute'),
  tolerating('disk-pressure', 'NoSchedule'),
  tolerating('memory-pressure', 'NoSchedule'),
  tolerating('pid-pressure', 'NoSchedule'),
  tolerating('unschedulable', 'NoSchedule'),
];
/** Without the Pod network only the host's network is there: what sets the network up runs on that. */
const ON_HOST_NETWORK = tolerating('network-unavailable', 'NoSchedule');

/** The template's tolerations and those that every daemon has. */
export function withDaemonTolerations(spec: Pick<PodSpec, 'tolerations' | 'hostNetwork'>): Toleration[] {
  const tolerations = [...(spec.tolerations ?? [])];
  for (const one of spec.hostNetwork ? [...ALWAYS, ON_HOST_NETWORK] : ALWAYS) {
    const same = (other: Toleration): boolean =>
      other.key === one.key && other.effect === one.effect && other.operator === one.operator && !other.value;
    const at = tolerations.findIndex(same);
    if (at < 0) tolerations.push(one);
    else tolerations[at] = one;
  }
  return tolerations;
}

/** The set's Pod for one node. The scheduler places it there: its affinity allows no other. */
export function daemonPodOf(set: DaemonSet, hash: string, nodeName: string): Pod {
  const { metadata, spec } = set.spec.template;
  const generation = set.metadata.annotations?.[GENERATION_ANNOTATION];
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      generateName: `${set.metadata.name}-`,
      namespace: set.metadata.namespace,
      labels: {
        ...metadata?.labels,
        ...(generation === undefined ? {} : { [TEMPLATE_GENERATION]: generation }),
        [REVISION_HASH]: hash,
      },
      ...(metadata?.annotations ? { annotations: metadata.annotations } : {}),
      ...(metadata?.finalizers ? { finalizers: metadata.finalizers } : {}),
      ownerReferences: [controllerReference(set, daemonsets)],
    },
    spec: {
      ...(spec as Pod['spec']),
      tolerations: withDaemonTolerations(spec ?? {}),
      affinity: boundTo(nodeName, spec?.affinity),
    },
  };
}

/** The node's name takes the place of the required node affinity: it was looked at when the node was chosen. */
function boundTo(nodeName: string, affinity: Affinity | undefined): Affinity {
  const term: NodeSelectorTerm = {
    matchFields: [{ key: NODE_NAME_FIELD, operator: 'In', values: [nodeName] }],
  };
  const required = { nodeSelectorTerms: [term] };
  return {
    ...affinity,
    nodeAffinity: {
      ...affinity?.nodeAffinity,
      requiredDuringSchedulingIgnoredDuringExecution: required,
    },
  };
}

/** The node that a Pod is on or meant for. */
export function targetNodeOf(pod: Pod): string | undefined {
  if (pod.spec.nodeName) return pod.spec.nodeName;
  const required = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  for (const { matchFields = [] } of required?.nodeSelectorTerms ?? [])
    for (const { key, operator, values = [] } of matchFields)
      if (key === NODE_NAME_FIELD && operator === 'In' && values.length === 1) return values[0];
  return undefined;
}

/** Was the Pod made from the present template? */
export function isUpdated(set: DaemonSet, pod: Pod, hash: string): boolean {
  const labels = pod.metadata.labels ?? {};
  const generation = set.metadata.annotations?.[GENERATION_ANNOTATION];
  return (
    labels[REVISION_HASH] === hash || (generation !== undefined && labels[TEMPLATE_GENERATION] === generation)
  );
}

/** Pods that are on a node first, then the oldest. */
export function byPlacement(a: Pod, b: Pod): number {
  const placed = Number(!a.spec.nodeName) - Number(!b.spec.nodeName);
  const age = timeOf(a.metadata.creationTimestamp) - timeOf(b.metadata.creationTimestamp);
  return placed || age || ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1);
}
