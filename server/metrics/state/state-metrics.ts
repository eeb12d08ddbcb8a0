import type { Resource } from '#proto/api/resource.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import type { Family } from '#proto/metrics/exposition.ts';
import {
  autoscalerState,
  budgetState,
  claimState,
  namespaceState,
  quotaState,
  serviceState,
  volumeState,
} from '#server/metrics/state/cluster.ts';
import { cronJobState, jobState } from '#server/metrics/state/jobs.ts';
import { nodeState } from '#server/metrics/state/nodes.ts';
import { podState } from '#server/metrics/state/pods.ts';
import { familiesOf, type StateKind } from '#server/metrics/state/state-kind.ts';
import {
  daemonSetState,
  deploymentState,
  replicaSetState,
  statefulSetState,
} from '#server/metrics/state/workloads.ts';

const KINDS: readonly StateKind[] = [
  nodeState,
  podState,
  deploymentState,
  replicaSetState,
  statefulSetState,
  daemonSetState,
  jobState,
  cronJobState,
  namespaceState,
  serviceState,
  claimState,
  volumeState,
  quotaState,
  autoscalerState,
  budgetState,
];

/**
 * The objects of the cluster as series: what kube-state-metrics serves elsewhere, under its names, so that its
 * dashboards and alerts work. Nothing is kept: objects are read at the scrape.
 */
export function* stateFamilies(
  list: <T extends KubeObject>(resource: Resource<T>) => readonly T[],
): Generator<Family> {
  for (const kind of KINDS) yield* familiesOf(kind, list(kind.resource));
}
