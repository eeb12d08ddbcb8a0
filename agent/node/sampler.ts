/** Samples the board: CPU load and memory by systeminformation, all else from files, which costs next to nothing. */
import { statfs } from 'node:fs/promises';
import os from 'node:os';
import { currentLoad } from 'systeminformation/lib/cpu.js';
import { mem as readMemory } from 'systeminformation/lib/memory.js';
import type { Clock } from '#proto/meta/clock.ts';
import type { NodeSample } from './metrics.ts';
import { parseLoadAvg, parseMillidegrees, parseNetDev, parseThrottled } from './proc.plan.ts';
import { readIfThere } from './read-file.ts';

const THROTTLED = '/sys/devices/platform/soc/soc:firmware/get_throttled';
const TEMPERATURE = '/sys/class/thermal/thermal_zone0/temp';

export interface Sampler {
  sample(): Promise<NodeSample>;
}

/** `disk`: a path on the file system that pods write to. */
export function boardSampler(clock: Clock, disk: string): Sampler {
  return {
    async sample() {
      const [load, mem] = await Promise.all([currentLoad(), readMemory()]);
      const [fs, net, loadavg, temperature, throttled, pidMax] = await Promise.all([
        statfs(disk).catch(() => undefined),
        readIfThere('/proc/net/dev'),
        readIfThere('/proc/loadavg'),
        readIfThere(TEMPERATURE),
        readIfThere(THROTTLED),
        readIfThere('/proc/sys/kernel/pid_max'),
      ]);
      const { load1, threads } = parseLoadAvg(loadavg);
      return {
        atMs: clock.now(),
        cpuPercent: load.currentLoad,
        memoryTotalBytes: mem.total,
        memoryAvailableBytes: mem.available,
        swapUsedBytes: mem.swapused,
        load1,
        uptimeSeconds: os.uptime(),
        temperatureCelsius: parseMillidegrees(temperature),
        throttled: parseThrottled(throttled),
        disk: {
          totalBytes: fs ? fs.blocks * fs.bsize : 0,
          availableBytes: fs ? fs.bavail * fs.bsize : 0,
          freeInodesPercent: fs && fs.files > 0 ? (100 * fs.ffree) / fs.files : 100,
        },
        network: parseNetDev(net),
        processes: threads,
        maxProcesses: Number(pidMax.trim()) || 32_768,
      };
    },
  };
}
