import { nodes } from '#proto/api/core/nodes.ts';
import type { Node } from '#proto/schema/generated/core-v1.ts';
import {
  amountSamples,
  conditionSamples,
  created,
  type StateSample,
  stateKind,
} from '#server/metrics/state/state-kind.ts';

const ROLE = 'node-role.kubernetes.io/';

export const nodeState = stateKind<Node>({
  resource: nodes,
  prefix: 'kube_node_',
  labels: ['node'],
  values: ({ metadata }) => [metadata.name ?? ''],
  families: [
    {
      name: 'info',
      help: 'What the node is.',
      labels: [
        ...['kernel_version', 'os_image', 'container_runtime_version', 'kubelet_version'],
        ...['provider_id', 'pod_cidr', 'system_uuid', 'internal_ip'],
      ],
      read: ({ spec, status }) => {
        const info = status?.nodeInfo;
        const ip = status?.addresses?.find(({ type }) => type === 'InternalIP')?.address ?? '';
        const software = [
          info?.kernelVersion,
          info?.osImage,
          info?.containerRuntimeVersion,
          info?.kubeletVersion,
        ];
        const identity = [spec?.providerID, spec?.podCIDR, info?.systemUUID, ip];
        return [[1, ...[...software, ...identity].map((value) => value ?? '')]];
      },
    },
    created('node'),
    {
      name: 'role',
      help: 'The roles of the node, by its labels.',
      labels: ['role'],
      read: ({ metadata }) =>
        Object.keys(metadata.labels ?? {})
          .filter((label) => label.startsWith(ROLE))
          .map((label): StateSample => [1, label.slice(ROLE.length)]),
    },
    {
      name: 'spec_unschedulable',
      help: 'Is the node cordoned?',
      read: ({ spec }) => Number(spec?.unschedulable ?? false),
    },
    {
      name: 'spec_taint',
      help: 'The taints of the node.',
      labels: ['key', 'value', 'effect'],
      read: ({ spec }) => (spec?.taints ?? []).map(({ key, value = '', effect }) => [1, key, value, effect]),
    },
    {
      name: 'status_condition',
      help: 'The conditions of the node.',
      labels: ['condition', 'status'],
      read: ({ status }) => conditionSamples(status?.conditions),
    },
    {
      name: 'status_capacity',
      help: 'What the node has, by resource.',
      labels: ['resource', 'unit'],
      read: ({ status }) => amountSamples(status?.capacity),
    },
    {
      name: 'status_allocatable',
      help: 'What Pods may request of the node, by resource.',
      labels: ['resource', 'unit'],
      read: ({ status }) => amountSamples(status?.allocatable),
    },
  ],
});
