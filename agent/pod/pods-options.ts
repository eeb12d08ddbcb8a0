import type { PressureCondition } from '#agent/eviction/thresholds.plan.ts';
import type { Cluster, DesiredState } from '#agent/link/cluster.ts';
import type { ProbeRunner } from '#agent/probes/probe-runner.ts';
import type { Ticks } from '#agent/probes/ticks.ts';
import type { Runtime } from '#agent/runtime/runtime.ts';
import type { Clock } from '#proto/meta/clock.ts';
import type { Logger } from '#proto/meta/log.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import type { ClusterDns, DnsConfig } from './dns.plan.ts';
import type { EventRecorder } from './event-recorder.ts';
import type { Gate } from './gate.ts';
import type { PodFiles } from './pod-files.ts';
import type { PodCgroups, PodDevices, PodImages, PodVolumes } from './ports.ts';
import type { RuntimeView } from './runtime-view.ts';
import type { StatusReporter } from './status-reporter.ts';

/** What the pods of a board are given by the composition root. */
export interface PodsOptions {
  readonly runtime: Runtime;
  readonly desired: DesiredState;
  readonly cluster: Cluster;
  readonly volumes: PodVolumes;
  readonly cgroups: PodCgroups;
  readonly images: PodImages;
  readonly devices: PodDevices;
  readonly clock: Clock;
  readonly log: Logger;
  readonly nodeName: string;
  /** The board's addresses now, the first one first. */
  hostIps(): readonly string[];
  /** From the server's Welcome; undefined while there is none. */
  clusterDns(): ClusterDns | undefined;
  /** The board's own resolv.conf. */
  hostDns(): Promise<DnsConfig>;
  /** The board's own /etc/hosts, for pods on its network. */
  hostHosts(): Promise<string>;
  readonly allocatable: () => Readonly<Record<string, string>>;
  /** What the board is short of. */
  readonly pressure: () => readonly PressureCondition[];
  readonly unsafeSysctls: readonly string[];
  /** The board is being switched off. */
  isShuttingDown(): boolean;
  readonly memoryCapacityBytes: number;
  /** `<data-dir>/pods`: the same folder that volumes have. */
  readonly podsDir: string;
  /** `/var/log/pods` */
  readonly logsDir: string;
  readonly seccompDir: string;
}

/** What all workers of a board share. */
export interface PodsContext extends PodsOptions {
  readonly view: RuntimeView;
  readonly files: PodFiles;
  readonly events: EventRecorder;
  readonly reporter: StatusReporter;
  /** The board's other Pods that have not ended, each with the resources that it was granted. */
  othersThan(pod: Pod): readonly Pod[];
  /** Around whatever makes the runtime work hard. */
  readonly starts: Gate;
  readonly probes: ProbeRunner;
  readonly ticks: Ticks;
}
