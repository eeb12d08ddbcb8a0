import { pods } from '#proto/api/core/pods.ts';
import type { Container, ContainerStatus, Pod } from '#proto/schema/generated/core-v1.ts';
import { controllerOf } from '#server/controllers/ownership.ts';
import {
  amountSamples,
  conditionFamily,
  created,
  oneOf,
  type StateFamily,
  type StateSample,
  seconds,
  stateKind,
} from '#server/metrics/state/state-kind.ts';

const PHASES = ['Pending', 'Succeeded', 'Failed', 'Unknown', 'Running'];
const REASONS = ['Evicted', 'NodeAffinity', 'NodeLost', 'Shutdown', 'UnexpectedAdmissionError'];

/** One family for each state of a container's status, of the init containers and of the others. */
function containerFamilies(
  prefix: string,
  what: string,
  specs: (pod: Pod) => readonly Container[],
  statuses: (pod: Pod) => readonly ContainerStatus[],
): StateFamily<Pod>[] {
  const ofStatus = (
    name: string,
    help: string,
    read: (status: ContainerStatus) => readonly StateSample[],
    labels: readonly string[] = [],
    type: 'gauge' | 'counter' = 'gauge',
  ): StateFamily<Pod> => ({
    name: `${prefix}_${name}`,
    help,
    type,
    labels: ['container', ...labels],
    read: (pod) =>
      statuses(pod).flatMap((status) =>
        read(status).map(([value, ...more]): StateSample => [value, status.name, ...more]),
      ),
  });
  const amounts = (side: 'requests' | 'limits'): StateFamily<Pod> => ({
    name: `${prefix}_resource_${side}`,
    help: `What ${what} ${side === 'requests' ? 'requests' : 'may use at the most'}, by resource.`,
    labels: ['container', 'node', 'resource', 'unit'],
    read: (pod) =>
      specs(pod).flatMap(({ name, resources }) =>
        amountSamples(resources?.[side]).map(
          ([value, ...more]): StateSample => [value, name, pod.spec.nodeName ?? '', ...more],
        ),
      ),
  });
  const reasonOf = (reason: string | undefined): StateSample[] => (reason ? [[1, reason]] : []);
  return [
    ofStatus(
      'info',
      `What ${what} runs.`,
      ({ image, imageID, containerID }) => [[1, image, imageID, containerID ?? '']],
      ['image', 'image_id', 'container_id'],
    ),
    ofStatus('status_ready', `Is ${what} ready?`, ({ ready }) => [[Number(ready)]]),
    ofStatus('status_running', `Is ${what} running?`, ({ state }) => [[Number(Boolean(state?.running))]]),
    ofStatus('status_waiting', `Is ${what} waiting?`, ({ state }) => [[Number(Boolean(state?.waiting))]]),
    ofStatus('status_terminated', `Has ${what} ended?`, ({ state }) => [
      [Number(Boolean(state?.terminated))],
    ]),
    ofStatus(
      'status_waiting_reason',
      `Why ${what} is waiting.`,
      ({ state }) => reasonOf(state?.waiting?.reason),
      ['reason'],
    ),
    ofStatus(
      'status_terminated_reason',
      `Why ${what} ended.`,
      ({ state }) => reasonOf(state?.terminated?.reason),
      ['reason'],
    ),
    ofStatus(
      'status_last_terminated_reason',
      `Why ${what} ended the last time.`,
      ({ lastState }) => reasonOf(lastState?.terminated?.reason),
      ['reason'],
    ),
    ofStatus(
      'status_restarts_total',
      `How often ${what} was started again.`,
      ({ restartCount }) => [[restartCount]],
      [],
      'counter',
    ),
    ofStatus('state_started', `When ${what} started, in seconds since 1970.`, ({ state }) => {
      const at = seconds(state?.running?.startedAt ?? state?.terminated?.startedAt);
      return at === undefined ? [] : [[at]];
    }),
    amounts('requests'),
    amounts('limits'),
  ];
}

export const podState = stateKind<Pod>({
  resource: pods,
  prefix: 'kube_pod_',
  labels: ['namespace', 'pod', 'uid'],
  values: ({ metadata }) => [metadata.namespace ?? '', metadata.name ?? '', metadata.uid ?? ''],
  families: [
    {
      name: 'info',
      help: 'Where the Pod is and who made it.',
      labels: [
        'host_ip',
        'pod_ip',
        'node',
        'created_by_kind',
        'created_by_name',
        'priority_class',
        'host_network',
      ],
      read: (pod) => {
        const { spec, status } = pod;
        const owner = controllerOf(pod);
        const by = [owner?.kind ?? '', owner?.name ?? ''] as const;
        const { nodeName = '', priorityClassName = '', hostNetwork = false } = spec;
        return [
          [
            1,
            status?.hostIP ?? '',
            status?.podIP ?? '',
            nodeName,
            ...by,
            priorityClassName,
            String(hostNetwork),
          ],
        ];
      },
    },
    created('Pod'),
    {
      name: 'start_time',
      help: 'When its board took the Pod, in seconds since 1970.',
      read: ({ status }) => seconds(status?.startTime),
    },
    {
      name: 'completion_time',
      help: 'When the last container of a finished Pod ended, in seconds since 1970.',
      read: ({ status }) => {
        if (status?.phase !== 'Succeeded' && status?.phase !== 'Failed') return undefined;
        const ends = (status.containerStatuses ?? []).flatMap(
          ({ state }) => seconds(state?.terminated?.finishedAt) ?? [],
        );
        return ends.length > 0 ? Math.max(...ends) : undefined;
      },
    },
    {
      name: 'deletion_timestamp',
      help: 'By when the Pod is to be gone, in seconds since 1970.',
      read: ({ metadata }) => seconds(metadata.deletionTimestamp),
    },
    {
      name: 'owner',
      help: 'Whose Pod it is.',
      labels: ['owner_kind', 'owner_name', 'owner_is_controller'],
      read: ({ metadata }) =>
        (metadata.ownerReferences ?? []).map(({ kind, name, controller = false }) => [
          1,
          kind,
          name,
          String(controller),
        ]),
    },
    {
      name: 'restart_policy',
      help: 'What happens to containers that end.',
      labels: ['type'],
      read: ({ spec }) => [[1, spec.restartPolicy ?? '']],
    },
    {
      name: 'status_phase',
      help: 'The phase of the Pod.',
      labels: ['phase'],
      read: ({ status }) => oneOf(PHASES, status?.phase),
    },
    {
      name: 'status_qos_class',
      help: 'The quality of service that the Pod gets.',
      labels: ['qos_class'],
      read: ({ status }) => oneOf(['BestEffort', 'Burstable', 'Guaranteed'], status?.qosClass),
    },
    {
      name: 'status_reason',
      help: 'Why the Pod is in its phase.',
      labels: ['reason'],
      read: ({ status }) => (status?.reason ? oneOf(REASONS, status.reason) : []),
    },
    conditionFamily('status_ready', 'Ready', 'Is the Pod ready to serve?'),
    conditionFamily('status_scheduled', 'PodScheduled', 'Has the Pod a node?'),
    {
      name: 'status_unschedulable',
      help: 'Pods for which no node was found.',
      read: ({ status }) =>
        status?.conditions?.some(({ type, reason }) => type === 'PodScheduled' && reason === 'Unschedulable')
          ? 1
          : undefined,
    },
    ...containerFamilies(
      'container',
      'the container',
      ({ spec }) => spec.containers,
      ({ status }) => status?.containerStatuses ?? [],
    ),
    ...containerFamilies(
      'init_container',
      'the init container',
      ({ spec }) => spec.initContainers ?? [],
      ({ status }) => status?.initContainerStatuses ?? [],
    ),
  ],
});
