/**
 * The metric pages of a board, as a kubelet and node_exporter have them. Every figure is read when a page is asked for:
 * between scrapes they cost nothing.
 */

import { readdir, statfs } from 'node:fs/promises';
import os from 'node:os';
import { join } from 'node:path';
import { type BoardTexts, boardFamilies, type FileSystem } from '#agent/metrics/board.plan.ts';
import {
  type BoardFacts,
  type ContainerFacts,
  cadvisorFamilies,
  type PodNetwork,
  resourceFamilies,
} from '#agent/metrics/containers.plan.ts';
import { parseBusyNs, parseThrottled, parseWorkingSet } from '#agent/node/proc.plan.ts';
import { readIfThere } from '#agent/node/read-file.ts';
import { runningContainers, type UsageSources } from '#agent/node/running-containers.ts';
import { cgroupOf } from '#agent/pod/qos.plan.ts';
import type { CgroupDetails } from '#agent/runtime/cgroup/cgroups.ts';
import type { Clock } from '#proto/meta/clock.ts';
import { exposition, type Family, family } from '#proto/metrics/exposition.ts';
import { processFamilies } from '#proto/metrics/process.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';

export interface MetricPagesDeps extends UsageSources {
  readonly nodeName: string;
  readonly pods: () => readonly Pod[];
  readonly cgroups: UsageSources['cgroups'] & {
    /** One of its processes; undefined where none is left. */
    containerProcess(pod: Pod, containerId: string): Promise<number | undefined>;
    containerDetails(pod: Pod, containerId: string): Promise<CgroupDetails | undefined>;
  };
  readonly clock: Clock;
}

/** File systems that hold somebody's data; the kernel's own are of no use in a graph. */
const REAL_FILE_SYSTEMS = /^(ext[234]|vfat|xfs|btrfs|f2fs|exfat|nfs4?|overlay|tmpfs)$/;
/** Mounts that belong to single containers, of which there are many. */
const CONTAINER_MOUNTS =
  /^\/(var\/lib\/(containerd|kubelet|coracle)|run\/(containerd|coracle|netns|user|lock))\//;

export class MetricPages {
  readonly #deps: MetricPagesDeps;

  constructor(deps: MetricPagesDeps) {
    this.#deps = deps;
  }

  /** The text of a page, or undefined where there is none of this path. */
  async page(path: string): Promise<string | undefined> {
    switch (path) {
      case '/metrics':
        return exposition([...this.#agentFamilies(), ...(await processFamilies())]);
      case '/metrics/cadvisor':
        return exposition(cadvisorFamilies(await this.#facts()));
      case '/metrics/resource':
        return exposition(resourceFamilies(await this.#facts()));
      case '/metrics/board':
        return exposition(boardFamilies(await readBoard(this.#deps.clock.now())));
      default:
        return undefined;
    }
  }

  #agentFamilies(): Family[] {
    const pods = this.#deps.pods();
    const running = pods.filter(({ status }) => status?.phase === 'Running');
    const states = { running: 0, exited: 0, created: 0 };
    for (const { status } of pods)
      for (const { state } of status?.containerStatuses ?? []) {
        if (state?.running) states.running++;
        else if (state?.terminated) states.exited++;
        else states.created++;
      }
    return [
      family('kubelet_node_name', 'gauge', 'The name of the node.', ['node'], () => [
        [[this.#deps.nodeName], 1],
      ]),
      family('kubelet_desired_pods', 'gauge', 'Pods that are to be here.', [], () => [[[], pods.length]]),
      family('kubelet_running_pods', 'gauge', 'Pods that run.', [], () => [[[], running.length]]),
      family('kubelet_running_containers', 'gauge', 'Containers, by state.', ['container_state'], () =>
        Object.entries(states).map(([state, count]) => [[state], count] as const),
      ),
    ];
  }

  async #facts(): Promise<BoardFacts> {
    const { pods, cgroups } = this.#deps;
    const containers: ContainerFacts[] = [];
    const networks = new Map<Pod, PodNetwork>();
    for await (const { pod, container, usage } of runningContainers(this.#deps, pods())) {
      const { id, name, imageRef: image, createdAtMs: startedAtMs } = container;
      const details = await cgroups.containerDetails(pod, id);
      containers.push({
        pod,
        name,
        id,
        image,
        cgroup: `${cgroupOf(pod)}/${id}`,
        startedAtMs,
        usage,
        details,
      });
      if (networks.has(pod) || pod.spec.hostNetwork) continue;
      const pid = await cgroups.containerProcess(pod, id);
      if (pid !== undefined)
        networks.set(pod, { pod, cgroup: cgroupOf(pod), netDev: await readIfThere(`/proc/${pid}/net/dev`) });
    }
    const [stat, meminfo] = await Promise.all([readIfThere('/proc/stat'), readIfThere('/proc/meminfo')]);
    return {
      cpus: os.availableParallelism(),
      memoryBytes: os.totalmem(),
      containers,
      networks: [...networks.values()],
      board: { cpuNs: parseBusyNs(stat), workingSetBytes: parseWorkingSet(meminfo) },
    };
  }
}

async function readBoard(nowMs: number): Promise<BoardTexts> {
  const [stat, meminfo, loadavg, netDev, diskstats, fileNr, throttled, mounts] = await Promise.all(
    [
      ...['/proc/stat', '/proc/meminfo', '/proc/loadavg', '/proc/net/dev', '/proc/diskstats'],
      ...[
        '/proc/sys/fs/file-nr',
        '/sys/devices/platform/soc/soc:firmware/get_throttled',
        '/proc/self/mounts',
      ],
    ].map(readIfThere),
  );
  return {
    stat: stat ?? '',
    meminfo: meminfo ?? '',
    loadavg: loadavg ?? '',
    netDev: netDev ?? '',
    diskstats: diskstats ?? '',
    fileNr: fileNr ?? '',
    throttled: parseThrottled(throttled ?? ''),
    thermalZones: await readThermalZones(),
    fileSystems: await readFileSystems(mounts ?? ''),
    uname: {
      sysname: os.type(),
      release: os.release(),
      version: os.version(),
      machine: os.machine(),
      nodename: os.hostname(),
    },
    nowMs,
  };
}

async function readThermalZones(): Promise<BoardTexts['thermalZones']> {
  const folder = '/sys/class/thermal';
  const names = await readdir(folder).catch(() => []);
  return Promise.all(
    names
      .filter((name) => name.startsWith('thermal_zone'))
      .map(async (name) => ({
        zone: name.slice('thermal_zone'.length),
        type: await readIfThere(join(folder, name, 'type')),
        temp: await readIfThere(join(folder, name, 'temp')),
      })),
  );
}

async function readFileSystems(mounts: string): Promise<FileSystem[]> {
  const found = new Map<string, FileSystem>();
  for (const line of mounts.split('\n')) {
    const [device = '', at = '', fstype = ''] = line.split(' ');
    const mountpoint = at.replace(/\\(\d{3})/g, (_, octal: string) =>
      String.fromCharCode(Number.parseInt(octal, 8)),
    );
    if (!REAL_FILE_SYSTEMS.test(fstype) || CONTAINER_MOUNTS.test(`${mountpoint}/`)) continue;
    const fs = await statfs(mountpoint).catch(() => undefined);
    if (!fs || fs.blocks === 0) continue;
    found.set(mountpoint, {
      device,
      mountpoint,
      fstype,
      sizeBytes: fs.blocks * fs.bsize,
      freeBytes: fs.bfree * fs.bsize,
      availableBytes: fs.bavail * fs.bsize,
      files: fs.files,
      freeFiles: fs.ffree,
    });
  }
  return [...found.values()];
}
