/**
 * Containers and Pods as series: under cAdvisor's names, which dashboards ask for, and under those of the kubelet's short
 * page `/metrics/resource`.
 */
import { netInterfaces } from '#agent/metrics/board.plan.ts';
import type { CgroupDetails, CgroupUsage, Stalls } from '#agent/runtime/cgroup/cgroups.ts';
import { milliValue, quantityValue } from '#proto/meta/quantity.ts';
import { type Family, family, type LabelValues, type MetricType } from '#proto/metrics/exposition.ts';
import type { Container, Pod } from '#proto/schema/generated/core-v1.ts';

/** What one running container uses, and what the board knows of it. */
export interface ContainerFacts {
  readonly pod: Pod;
  readonly name: string;
  readonly id: string;
  readonly image: string;
  /** Below the root of the cgroups. */
  readonly cgroup: string;
  readonly startedAtMs: number;
  readonly usage: CgroupUsage;
  readonly details: CgroupDetails | undefined;
}

/** A Pod's own network, as `/proc/<pid>/net/dev` of one of its processes shows it. */
export interface PodNetwork {
  readonly pod: Pod;
  readonly cgroup: string;
  readonly netDev: string;
}

export interface BoardFacts {
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly containers: readonly ContainerFacts[];
  readonly networks: readonly PodNetwork[];
  /** All that runs on the board, and what it uses. */
  readonly board: { readonly cpuNs: number; readonly workingSetBytes: number };
}

const LABELS = ['namespace', 'pod', 'container', 'name', 'id', 'image'];
const labelsOf = ({ pod, name, id, cgroup, image }: ContainerFacts): LabelValues => [
  pod.metadata.namespace ?? '',
  pod.metadata.name ?? '',
  name,
  id,
  cgroup,
  image,
];

/** `/metrics/cadvisor` */
export function cadvisorFamilies({ cpus, memoryBytes, containers, networks }: BoardFacts): readonly Family[] {
  const of = (
    name: string,
    type: MetricType,
    help: string,
    value: (facts: ContainerFacts) => number | undefined,
  ): Family =>
    family(name, type, help, LABELS, function* () {
      for (const facts of containers) {
        const found = value(facts);
        if (found !== undefined) yield [labelsOf(facts), found];
      }
    });
  const specOf = ({ pod, name }: ContainerFacts): Container | undefined =>
    [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].find((container) => container.name === name);
  const limit = (facts: ContainerFacts, resource: string): string | undefined =>
    specOf(facts)?.resources?.limits?.[resource];
  return [
    family('machine_cpu_cores', 'gauge', 'The cores of the board.', [], () => [[[], cpus]]),
    family('machine_memory_bytes', 'gauge', 'The memory of the board.', [], () => [[[], memoryBytes]]),
    of(
      'container_cpu_usage_seconds_total',
      'counter',
      'CPU time that the container has used.',
      ({ usage }) => usage.cpuNs / 1e9,
    ),
    of(
      'container_memory_usage_bytes',
      'gauge',
      'Memory of the container, caches included.',
      ({ usage }) => usage.memoryBytes,
    ),
    of(
      'container_memory_working_set_bytes',
      'gauge',
      'Memory that the kernel could not take back at once: what eviction looks at.',
      ({ usage }) => usage.workingSetBytes,
    ),
    ...detailFamilies(of),
    of('container_processes', 'gauge', 'Processes of the container.', ({ usage }) => usage.processes),
    of(
      'container_start_time_seconds',
      'gauge',
      'When the container started, in seconds since 1970.',
      ({ startedAtMs }) => startedAtMs / 1000,
    ),
    of(
      'container_spec_cpu_quota',
      'gauge',
      'CPU time that it may use in a period, in microseconds.',
      (facts) => {
        const cpu = limit(facts, 'cpu');
        return cpu === undefined ? undefined : milliValue(cpu) * 100;
      },
    ),
    of('container_spec_cpu_period', 'gauge', 'The period of the quota, in microseconds.', () => 100_000),
    of('container_spec_memory_limit_bytes', 'gauge', 'Memory that it may use; 0: no limit.', (facts) => {
      const memory = limit(facts, 'memory');
      return memory === undefined ? 0 : quantityValue(memory);
    }),
    ...networkFamilies(networks),
  ];
}

type OfContainers = (
  name: string,
  type: MetricType,
  help: string,
  value: (facts: ContainerFacts) => number | undefined,
) => Family;

function detailFamilies(of: OfContainers): readonly Family[] {
  const counter = (
    name: string,
    help: string,
    value: (details: CgroupDetails) => number | undefined,
  ): Family => of(name, 'counter', help, ({ details }) => details && value(details));
  const stalls = (resource: 'cpu' | 'memory' | 'io', which: keyof Stalls, name: string): Family =>
    counter(
      `container_pressure_${resource}_${name}_seconds_total`,
      `Time in which ${which === 'someNs' ? 'some' : 'all'} of the container's processes waited for ${resource}.`,
      ({ pressure }) => pressure && pressure[resource][which] / 1e9,
    );
  return [
    counter('container_cpu_cfs_periods_total', 'Periods with a CPU quota.', ({ cpuPeriods }) => cpuPeriods),
    counter(
      'container_cpu_cfs_throttled_periods_total',
      'Periods in which the quota was used up.',
      ({ throttledPeriods }) => throttledPeriods,
    ),
    counter(
      'container_cpu_cfs_throttled_seconds_total',
      'Time in which the quota was used up.',
      ({ throttledNs }) => throttledNs / 1e9,
    ),
    counter('container_oom_events_total', 'Processes killed for want of memory.', ({ oomKills }) => oomKills),
    counter('container_fs_reads_bytes_total', 'Bytes read from devices.', ({ io }) => io.readBytes),
    counter('container_fs_writes_bytes_total', 'Bytes written to devices.', ({ io }) => io.writtenBytes),
    counter('container_fs_reads_total', 'Reads from devices.', ({ io }) => io.reads),
    counter('container_fs_writes_total', 'Writes to devices.', ({ io }) => io.writes),
    ...(['cpu', 'memory', 'io'] as const).flatMap((resource) => [
      stalls(resource, 'someNs', 'waiting'),
      stalls(resource, 'fullNs', 'stalled'),
    ]),
  ];
}

const NETWORK = [
  { name: 'receive_bytes', at: 0, help: 'Bytes that the Pod has received.' },
  { name: 'receive_packets', at: 1, help: 'Packets that the Pod has received.' },
  { name: 'receive_errors', at: 2, help: 'Packets that were received broken.' },
  { name: 'receive_packets_dropped', at: 3, help: 'Packets that were received and dropped.' },
  { name: 'transmit_bytes', at: 8, help: 'Bytes that the Pod has sent.' },
  { name: 'transmit_packets', at: 9, help: 'Packets that the Pod has sent.' },
  { name: 'transmit_errors', at: 10, help: 'Packets that could not be sent.' },
  { name: 'transmit_packets_dropped', at: 11, help: 'Packets that were dropped before they were sent.' },
];

function networkFamilies(networks: readonly PodNetwork[]): Family[] {
  return NETWORK.map(({ name, at, help }) =>
    family(
      `container_network_${name}_total`,
      'counter',
      help,
      ['namespace', 'pod', 'interface', 'id'],
      function* () {
        for (const { pod, cgroup, netDev } of networks)
          for (const [device, counters] of netInterfaces(netDev))
            if (device !== 'lo')
              yield [
                [pod.metadata.namespace ?? '', pod.metadata.name ?? '', device, cgroup],
                counters[at] ?? 0,
              ];
      },
    ),
  );
}

/** `/metrics/resource`: what autoscalers need and no more. */
export function resourceFamilies({ containers, board }: BoardFacts): readonly Family[] {
  const short = ({ pod, name }: ContainerFacts): LabelValues => [
    name,
    pod.metadata.namespace ?? '',
    pod.metadata.name ?? '',
  ];
  const of = (
    name: string,
    type: MetricType,
    help: string,
    value: (facts: ContainerFacts) => number,
  ): Family =>
    family(name, type, help, ['container', 'namespace', 'pod'], () =>
      containers.map((facts) => [short(facts), value(facts)] as const),
    );
  return [
    of(
      'container_cpu_usage_seconds_total',
      'counter',
      'CPU time that the container has used.',
      ({ usage }) => usage.cpuNs / 1e9,
    ),
    of(
      'container_memory_working_set_bytes',
      'gauge',
      'Memory that the kernel could not take back at once.',
      ({ usage }) => usage.workingSetBytes,
    ),
    of(
      'container_start_time_seconds',
      'gauge',
      'When the container started, in seconds since 1970.',
      ({ startedAtMs }) => startedAtMs / 1000,
    ),
    family('node_cpu_usage_seconds_total', 'counter', 'CPU time that the board has used.', [], () => [
      [[], board.cpuNs / 1e9],
    ]),
    family('node_memory_working_set_bytes', 'gauge', 'Memory of the board that is in use.', [], () => [
      [[], board.workingSetBytes],
    ]),
    family('scrape_error', 'gauge', 'Did reading these figures fail?', [], () => [[[], 0]]),
  ];
}
