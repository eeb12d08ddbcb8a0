/** Samples the board: CPU load and memory by systeminformation, all else from files, which costs next to nothing. */
import { stat, statfs } from 'node:fs/promises';
import os from 'node:os';
import { currentLoad } from 'systeminformation/lib/cpu.js';
import { mem as readMemory } from 'systeminformation/lib/memory.js';
import type { Cgroups } from '#agent/runtime/cgroup/cgroups.ts';
import type { Clock } from '#proto/meta/clock.ts';
import { CardReader } from './card.ts';
import type { DiskSample, NodeSample } from './metrics.ts';
import { parseLoadAvg, parseNetDev, parseThrottled } from './proc.plan.ts';
import { readIfThere } from './read-file.ts';
import { Sensors } from './sensors.ts';

const THROTTLED = '/sys/devices/platform/soc/soc:firmware/get_throttled';

export interface Sampler {
  sample(): Promise<NodeSample>;
}

export interface SampledBoard {
  readonly clock: Clock;
  /** A path on the file system that pods write to. */
  readonly disk: string;
  /** A path on the file system that images lie on. */
  readonly imageDisk: string;
  readonly cgroups: Pick<Cgroups, 'memory'>;
}

/** The cgroup around all Pods. */
export const PODS_CGROUP = '/kubepods';

export function boardSampler({ clock, disk, imageDisk, cgroups }: SampledBoard): Sampler {
  const sensors = new Sensors();
  const card = new CardReader(disk);
  return {
    async sample() {
      const [load, mem] = await Promise.all([currentLoad(), readMemory()]);
      const [nodeFs, imageFs, net, loadavg, readings, throttled, pidMax, whole, pods] = await Promise.all([
        readDisk(disk),
        sameDevice(disk, imageDisk).then((same) => (same ? undefined : readDisk(imageDisk))),
        readIfThere('/proc/net/dev'),
        readIfThere('/proc/loadavg'),
        sensors.read(),
        readIfThere(THROTTLED),
        readIfThere('/proc/sys/kernel/pid_max'),
        cgroups.memory('/'),
        cgroups.memory(PODS_CGROUP),
      ]);
      const { load1, threads } = parseLoadAvg(loadavg);
      // A board that is itself a container has the machine's /proc/meminfo, and less memory than that.
      const confined = whole && whole.limitBytes < mem.total ? whole : undefined;
      return {
        atMs: clock.now(),
        cpuPercent: load.currentLoad,
        memoryTotalBytes: confined?.limitBytes ?? mem.total,
        memoryAvailableBytes: confined
          ? Math.max(0, Math.min(mem.available, confined.limitBytes - confined.workingSetBytes))
          : mem.available,
        swapUsedBytes: mem.swapused,
        load1,
        uptimeSeconds: os.uptime(),
        ...readings,
        throttled: parseThrottled(throttled),
        card: await card.read(),
        disk: nodeFs ?? { totalBytes: 0, availableBytes: 0, inodes: 0, freeInodes: 0 },
        imageDisk: imageFs,
        podsMemory: pods,
        network: parseNetDev(net),
        processes: threads,
        maxProcesses: Number(pidMax.trim()) || 32_768,
      };
    },
  };
}

/** What the board has of memory: less than the machine where it is a container with a limit. */
export async function memoryCapacity(cgroups: Pick<Cgroups, 'memory'>): Promise<number> {
  return Math.min(os.totalmem(), (await cgroups.memory('/'))?.limitBytes ?? Number.POSITIVE_INFINITY);
}

async function readDisk(path: string): Promise<DiskSample | undefined> {
  const fs = await statfs(path).catch(() => undefined);
  return (
    fs && {
      totalBytes: fs.blocks * fs.bsize,
      availableBytes: fs.bavail * fs.bsize,
      inodes: fs.files,
      freeInodes: fs.ffree,
    }
  );
}

/** True also where one of them is not there: then there is nothing to look at twice. */
async function sameDevice(a: string, b: string): Promise<boolean> {
  const [one, other] = await Promise.all([a, b].map((path) => stat(path).catch(() => undefined)));
  return !one || !other || one.dev === other.dev;
}
