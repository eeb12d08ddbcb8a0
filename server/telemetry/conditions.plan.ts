/** What the cluster says of its nodes and of itself on MQTT. Pure. */
import type { ClusterState, NodeConditions, WorkloadCounts } from '#proto/agent/mqtt-topics.ts';
import type { DaemonSet, Deployment, StatefulSet } from '#proto/schema/generated/apps-v1.ts';
import type { Job } from '#proto/schema/generated/batch-v1.ts';
import type { Node, Pod } from '#proto/schema/generated/core-v1.ts';

export interface Workloads {
  readonly deployments: readonly Deployment[];
  readonly statefulSets: readonly StatefulSet[];
  readonly daemonSets: readonly DaemonSet[];
  readonly jobs: readonly Job[];
}

/** As many as a person reads, and a message bears. */
const MAX_PROBLEMS = 10;

/** Conditions of a node, and how many Pods it holds that have not ended. */
export function planNodeConditions(node: Node, pods: number): NodeConditions {
  const conditions = node.status?.conditions ?? [];
  return {
    ready: conditions.some(({ type, status }) => type === 'Ready' && status === 'True'),
    unschedulable: node.spec.unschedulable === true,
    problems: conditions
      .filter(({ type, status }) => type !== 'Ready' && status === 'True')
      .map(({ type }) => type)
      .sort(),
    pods,
  };
}

/** Pods that have not ended, by the node they are bound to. */
export function countPodsByNode(pods: Iterable<Pod>): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { spec, status } of pods) {
    if (!spec.nodeName || status?.phase === 'Succeeded' || status?.phase === 'Failed') continue;
    counts.set(spec.nodeName, (counts.get(spec.nodeName) ?? 0) + 1);
  }
  return counts;
}

/** Counts over the whole cluster, and what is not as it should be. */
export function planClusterState(
  nodes: readonly Node[],
  pods: Iterable<Pod>,
  workloads: Workloads,
): ClusterState {
  const phases = { all: 0, Pending: 0, Running: 0, Failed: 0 };
  for (const { status } of pods) {
    phases.all++;
    const phase = status?.phase;
    if (phase === 'Pending' || phase === 'Running' || phase === 'Failed') phases[phase]++;
  }
  const away = nodes.filter((node) => !planNodeConditions(node, 0).ready);
  const { counts, problems } = planWorkloads(workloads);
  const all = [...away.map(({ metadata }) => `node ${metadata.name} is not ready`), ...problems];
  return {
    nodes: nodes.length,
    ready: nodes.length - away.length,
    pods: phases.all,
    pending: phases.Pending,
    running: phases.Running,
    failed: phases.Failed,
    ...counts,
    problems: all.length > MAX_PROBLEMS ? [...all.slice(0, MAX_PROBLEMS - 1), 'and more'] : all,
  };
}

interface Counted {
  readonly kind: string;
  readonly metadata: { readonly namespace?: string | undefined; readonly name?: string | undefined };
  readonly wanted: number;
  readonly ready: number;
}

function planWorkloads(workloads: Workloads): {
  readonly counts: WorkloadCounts;
  readonly problems: readonly string[];
} {
  const deployments = workloads.deployments.map(({ metadata, spec, status }): Counted => {
    const ready = status?.availableReplicas ?? 0;
    return { kind: 'deployment', metadata, wanted: spec.replicas ?? 1, ready };
  });
  const statefulSets = workloads.statefulSets.map(({ metadata, spec, status }): Counted => {
    const ready = status?.readyReplicas ?? 0;
    return { kind: 'statefulset', metadata, wanted: spec.replicas ?? 1, ready };
  });
  const daemonSets = workloads.daemonSets.map(({ metadata, status }): Counted => {
    const { desiredNumberScheduled: wanted = 0, numberReady: ready = 0 } = status ?? {};
    return { kind: 'daemonset', metadata, wanted, ready };
  });
  const failed = workloads.jobs.filter(({ status }) =>
    status?.conditions?.some((condition) => condition.type === 'Failed' && condition.status === 'True'),
  );
  const isWhole = ({ wanted, ready }: Counted): boolean => ready >= wanted;
  const problems = [...deployments, ...statefulSets, ...daemonSets]
    .filter((one) => !isWhole(one))
    .map(({ kind, metadata, wanted, ready }) => `${kind} ${nameOf(metadata)} has ${ready} of ${wanted}`);
  return {
    counts: {
      deployments: deployments.length,
      deployments_ready: deployments.filter(isWhole).length,
      statefulsets: statefulSets.length,
      statefulsets_ready: statefulSets.filter(isWhole).length,
      daemonsets: daemonSets.length,
      daemonsets_ready: daemonSets.filter(isWhole).length,
      jobs_active: workloads.jobs.filter(({ status }) => (status?.active ?? 0) > 0).length,
      jobs_failed: failed.length,
    },
    problems: [
      ...problems.sort(),
      ...failed.map(({ metadata }) => `job ${nameOf(metadata)} has failed`).sort(),
    ],
  };
}

const nameOf = ({ namespace, name }: Counted['metadata']): string => `${namespace}/${name}`;
