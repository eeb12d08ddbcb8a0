import { horizontalpodautoscalers } from '#proto/api/autoscaling/horizontalpodautoscalers.ts';
import { namespaces } from '#proto/api/core/namespaces.ts';
import { persistentvolumeclaims } from '#proto/api/core/persistentvolumeclaims.ts';
import { persistentvolumes } from '#proto/api/core/persistentvolumes.ts';
import { resourcequotas } from '#proto/api/core/resourcequotas.ts';
import { services } from '#proto/api/core/services.ts';
import { poddisruptionbudgets } from '#proto/api/policy/poddisruptionbudgets.ts';
import { quantityValue } from '#proto/meta/quantity.ts';
import type { HorizontalPodAutoscaler } from '#proto/schema/generated/autoscaling-v2.ts';
import type {
  Namespace,
  PersistentVolume,
  PersistentVolumeClaim,
  ResourceQuota,
  Service,
} from '#proto/schema/generated/core-v1.ts';
import type { PodDisruptionBudget } from '#proto/schema/generated/policy-v1.ts';
import {
  amountSamples,
  conditionSamples,
  created,
  NAMESPACED,
  namespacedValues,
  numberOf,
  oneOf,
  type StateSample,
  stateKind,
} from '#server/metrics/state/state-kind.ts';

export const namespaceState = stateKind<Namespace>({
  resource: namespaces,
  prefix: 'kube_namespace_',
  labels: ['namespace'],
  values: ({ metadata }) => [metadata.name ?? ''],
  families: [
    created('namespace'),
    {
      name: 'status_phase',
      help: 'Active, or on its way out.',
      labels: ['phase'],
      read: ({ status }) => oneOf(['Active', 'Terminating'], status?.phase),
    },
  ],
});

export const serviceState = stateKind<Service>({
  resource: services,
  prefix: 'kube_service_',
  labels: NAMESPACED('service'),
  values: namespacedValues,
  families: [
    created('Service'),
    {
      name: 'info',
      help: 'Where the Service is reached.',
      labels: ['cluster_ip', 'external_name', 'load_balancer_ip'],
      read: ({ spec }) => [[1, spec.clusterIP ?? '', spec.externalName ?? '', spec.loadBalancerIP ?? '']],
    },
    {
      name: 'spec_type',
      help: 'The type of the Service.',
      labels: ['type'],
      read: ({ spec }) => [[1, spec.type ?? 'ClusterIP']],
    },
    {
      name: 'status_load_balancer_ingress',
      help: 'Where a load balancer takes its traffic.',
      labels: ['ip', 'hostname'],
      read: ({ status }) =>
        (status?.loadBalancer?.ingress ?? []).map(({ ip = '', hostname = '' }) => [1, ip, hostname]),
    },
  ],
});

export const claimState = stateKind<PersistentVolumeClaim>({
  resource: persistentvolumeclaims,
  prefix: 'kube_persistentvolumeclaim_',
  labels: NAMESPACED('persistentvolumeclaim'),
  values: namespacedValues,
  families: [
    created('claim'),
    {
      name: 'info',
      help: 'The class and the volume of the claim.',
      labels: ['storageclass', 'volumename', 'volumemode'],
      read: ({ spec }) => [[1, spec.storageClassName ?? '', spec.volumeName ?? '', spec.volumeMode ?? '']],
    },
    {
      name: 'status_phase',
      help: 'The phase of the claim.',
      labels: ['phase'],
      read: ({ status }) => oneOf(['Lost', 'Bound', 'Pending'], status?.phase),
    },
    numberOf('resource_requests_storage_bytes', 'How much it asks for.', ({ spec }) => {
      const storage = spec.resources?.requests?.['storage'];
      return storage === undefined ? undefined : quantityValue(storage);
    }),
    {
      name: 'access_mode',
      help: 'How it may be used.',
      labels: ['access_mode'],
      read: ({ spec }) => (spec.accessModes ?? []).map((mode): StateSample => [1, mode]),
    },
  ],
});

export const volumeState = stateKind<PersistentVolume>({
  resource: persistentvolumes,
  prefix: 'kube_persistentvolume_',
  labels: ['persistentvolume'],
  values: ({ metadata }) => [metadata.name ?? ''],
  families: [
    created('volume'),
    {
      name: 'status_phase',
      help: 'The phase of the volume.',
      labels: ['phase'],
      read: ({ status }) => oneOf(['Pending', 'Available', 'Bound', 'Released', 'Failed'], status?.phase),
    },
    {
      name: 'claim_ref',
      help: 'The claim that has it.',
      labels: ['claim_namespace', 'name'],
      read: ({ spec }) =>
        spec.claimRef ? [[1, spec.claimRef.namespace ?? '', spec.claimRef.name ?? '']] : [],
    },
    numberOf('capacity_bytes', 'How much it holds.', ({ spec }) => {
      const storage = spec.capacity?.['storage'];
      return storage === undefined ? undefined : quantityValue(storage);
    }),
  ],
});

export const quotaState = stateKind<ResourceQuota>({
  resource: resourcequotas,
  prefix: 'kube_',
  labels: NAMESPACED('resourcequota'),
  values: namespacedValues,
  families: [
    {
      name: 'resourcequota',
      help: 'What a namespace may use, and what it uses.',
      labels: ['resource', 'type'],
      read: ({ status }) =>
        (['hard', 'used'] as const).flatMap((type) =>
          // The resource as the quota names it, not as a label would.
          Object.keys(status?.[type] ?? {}).map((resource): StateSample => {
            const [sample] = amountSamples({ [baseOf(resource)]: status?.[type]?.[resource] ?? '0' });
            return [sample?.[0] ?? 0, resource, type];
          }),
        ),
    },
  ],
});

/** `requests.cpu` counts as cpu does. */
const baseOf = (resource: string): string => resource.replace(/^(requests|limits)\./, '');

export const autoscalerState = stateKind<HorizontalPodAutoscaler>({
  resource: horizontalpodautoscalers,
  prefix: 'kube_horizontalpodautoscaler_',
  labels: NAMESPACED('horizontalpodautoscaler'),
  values: namespacedValues,
  families: [
    created('autoscaler'),
    {
      name: 'info',
      help: 'What it scales.',
      labels: ['scaletargetref_kind', 'scaletargetref_name'],
      read: ({ spec }) => [[1, spec.scaleTargetRef.kind, spec.scaleTargetRef.name]],
    },
    numberOf('spec_max_replicas', 'The most replicas that it sets.', ({ spec }) => spec.maxReplicas),
    numberOf('spec_min_replicas', 'The fewest replicas that it sets.', ({ spec }) => spec.minReplicas ?? 1),
    numberOf(
      'status_current_replicas',
      'Replicas that there are.',
      ({ status }) => status?.currentReplicas ?? 0,
    ),
    numberOf(
      'status_desired_replicas',
      'Replicas that it wants.',
      ({ status }) => status?.desiredReplicas ?? 0,
    ),
    {
      name: 'status_condition',
      help: 'The conditions of the autoscaler.',
      labels: ['condition', 'status'],
      read: ({ status }) => conditionSamples(status?.conditions),
    },
  ],
});

export const budgetState = stateKind<PodDisruptionBudget>({
  resource: poddisruptionbudgets,
  prefix: 'kube_poddisruptionbudget_',
  labels: NAMESPACED('poddisruptionbudget'),
  values: namespacedValues,
  families: [
    created('budget'),
    numberOf('status_current_healthy', 'Pods that are healthy.', ({ status }) => status?.currentHealthy ?? 0),
    numberOf(
      'status_desired_healthy',
      'Pods that must be healthy.',
      ({ status }) => status?.desiredHealthy ?? 0,
    ),
    numberOf(
      'status_pod_disruptions_allowed',
      'Pods that may be disrupted now.',
      ({ status }) => status?.disruptionsAllowed ?? 0,
    ),
    numberOf('status_expected_pods', 'Pods that it counts.', ({ status }) => status?.expectedPods ?? 0),
  ],
});
