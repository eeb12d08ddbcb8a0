import { daemonsets } from '#proto/api/apps/daemonsets.ts';
import { deployments } from '#proto/api/apps/deployments.ts';
import { replicasets } from '#proto/api/apps/replicasets.ts';
import { statefulsets } from '#proto/api/apps/statefulsets.ts';
import type { DaemonSet, Deployment, ReplicaSet, StatefulSet } from '#proto/schema/generated/apps-v1.ts';
import { resolveIntOrPercent } from '#server/controllers/int-or-percent.ts';
import { controllerOf } from '#server/controllers/ownership.ts';
import {
  conditionSamples,
  created,
  NAMESPACED,
  namespacedValues,
  numberOf,
  stateKind,
} from '#server/metrics/state/state-kind.ts';

interface Counted {
  readonly metadata: { readonly generation?: number | undefined };
  readonly status?: { readonly observedGeneration?: number | undefined } | undefined;
}

/** The generation that was asked for, and the one that was seen: a rollout alert compares them. */
const generations = [
  numberOf<Counted>(
    'metadata_generation',
    'The generation that was asked for.',
    (o) => o.metadata.generation ?? 0,
  ),
  numberOf<Counted>(
    'status_observed_generation',
    'The generation that its controller has seen.',
    (o) => o.status?.observedGeneration ?? 0,
  ),
];

interface Replicated {
  readonly status?:
    | {
        readonly replicas?: number | undefined;
        readonly readyReplicas?: number | undefined;
        readonly availableReplicas?: number | undefined;
      }
    | undefined;
}

const replicaCounts = [
  numberOf<Replicated>('status_replicas', 'Pods that there are.', ({ status }) => status?.replicas ?? 0),
  numberOf<Replicated>(
    'status_replicas_ready',
    'Pods that are ready.',
    ({ status }) => status?.readyReplicas ?? 0,
  ),
  numberOf<Replicated>(
    'status_replicas_available',
    'Pods that have been ready for long enough.',
    ({ status }) => status?.availableReplicas ?? 0,
  ),
];

export const deploymentState = stateKind<Deployment>({
  resource: deployments,
  prefix: 'kube_deployment_',
  labels: NAMESPACED('deployment'),
  values: namespacedValues,
  families: [
    created('Deployment'),
    ...generations,
    numberOf('spec_replicas', 'Pods that are wanted.', ({ spec }) => spec.replicas ?? 1),
    numberOf('spec_paused', 'Is the Deployment paused?', ({ spec }) => Number(spec.paused ?? false)),
    numberOf(
      'spec_strategy_rollingupdate_max_unavailable',
      'How many Pods may be missing in a rolling update.',
      ({ spec }) => bound(spec.strategy?.rollingUpdate?.maxUnavailable, spec.replicas ?? 1, 'down'),
    ),
    numberOf(
      'spec_strategy_rollingupdate_max_surge',
      'How many Pods there may be too many in a rolling update.',
      ({ spec }) => bound(spec.strategy?.rollingUpdate?.maxSurge, spec.replicas ?? 1, 'up'),
    ),
    ...replicaCounts,
    numberOf(
      'status_replicas_unavailable',
      'Pods that are wanted and not available.',
      ({ status }) => status?.unavailableReplicas ?? 0,
    ),
    numberOf(
      'status_replicas_updated',
      'Pods of the current template.',
      ({ status }) => status?.updatedReplicas ?? 0,
    ),
    {
      name: 'status_condition',
      help: 'The conditions of the Deployment.',
      labels: ['condition', 'status'],
      read: ({ status }) => conditionSamples(status?.conditions),
    },
  ],
});

const bound = (
  value: number | string | undefined,
  replicas: number,
  round: 'down' | 'up',
): number | undefined => (value === undefined ? undefined : resolveIntOrPercent(value, replicas, round));

export const replicaSetState = stateKind<ReplicaSet>({
  resource: replicasets,
  prefix: 'kube_replicaset_',
  labels: NAMESPACED('replicaset'),
  values: namespacedValues,
  families: [
    created('ReplicaSet'),
    ...generations,
    numberOf('spec_replicas', 'Pods that are wanted.', ({ spec }) => spec.replicas ?? 1),
    numberOf('status_replicas', 'Pods that there are.', ({ status }) => status?.replicas ?? 0),
    numberOf('status_ready_replicas', 'Pods that are ready.', ({ status }) => status?.readyReplicas ?? 0),
    numberOf(
      'status_fully_labeled_replicas',
      'Pods with all labels of the template.',
      ({ status }) => status?.fullyLabeledReplicas ?? 0,
    ),
    {
      name: 'owner',
      help: 'Whose ReplicaSet it is.',
      labels: ['owner_kind', 'owner_name', 'owner_is_controller'],
      read: (set) => {
        const owner = controllerOf(set);
        return owner ? [[1, owner.kind, owner.name, 'true']] : [];
      },
    },
  ],
});

export const statefulSetState = stateKind<StatefulSet>({
  resource: statefulsets,
  prefix: 'kube_statefulset_',
  labels: NAMESPACED('statefulset'),
  values: namespacedValues,
  families: [
    created('StatefulSet'),
    ...generations,
    numberOf('replicas', 'Pods that are wanted.', ({ spec }) => spec.replicas ?? 1),
    ...replicaCounts,
    numberOf(
      'status_replicas_current',
      'Pods of the current revision.',
      ({ status }) => status?.currentReplicas ?? 0,
    ),
    numberOf(
      'status_replicas_updated',
      'Pods of the next revision.',
      ({ status }) => status?.updatedReplicas ?? 0,
    ),
    {
      name: 'status_current_revision',
      help: 'The revision from which Pods are updated.',
      labels: ['revision'],
      read: ({ status }) => (status?.currentRevision ? [[1, status.currentRevision]] : []),
    },
    {
      name: 'status_update_revision',
      help: 'The revision to which Pods are updated.',
      labels: ['revision'],
      read: ({ status }) => (status?.updateRevision ? [[1, status.updateRevision]] : []),
    },
  ],
});

export const daemonSetState = stateKind<DaemonSet>({
  resource: daemonsets,
  prefix: 'kube_daemonset_',
  labels: NAMESPACED('daemonset'),
  values: namespacedValues,
  families: [
    created('DaemonSet'),
    ...generations,
    numberOf(
      'status_desired_number_scheduled',
      'Nodes that should run a Pod of it.',
      ({ status }) => status?.desiredNumberScheduled ?? 0,
    ),
    numberOf(
      'status_current_number_scheduled',
      'Nodes that should run a Pod of it and have one.',
      ({ status }) => status?.currentNumberScheduled ?? 0,
    ),
    numberOf(
      'status_number_misscheduled',
      'Nodes that run a Pod of it and should not.',
      ({ status }) => status?.numberMisscheduled ?? 0,
    ),
    numberOf('status_number_ready', 'Nodes whose Pod is ready.', ({ status }) => status?.numberReady ?? 0),
    numberOf(
      'status_number_available',
      'Nodes whose Pod has been ready for long enough.',
      ({ status }) => status?.numberAvailable ?? 0,
    ),
    numberOf(
      'status_number_unavailable',
      'Nodes that should run a Pod of it and have none available.',
      ({ status }) => status?.numberUnavailable ?? 0,
    ),
    numberOf(
      'status_updated_number_scheduled',
      'Nodes with a Pod of the current template.',
      ({ status }) => status?.updatedNumberScheduled ?? 0,
    ),
  ],
});
