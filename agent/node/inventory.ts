/** What does not change while the board is up: read once, at the start of the agent. */
import { statfs } from 'node:fs/promises';
import os from 'node:os';
import { system as readSystem } from 'systeminformation/lib/system.js';
import type { Inventory } from './node-status.plan.ts';
import { parseOsRelease } from './proc.plan.ts';
import { readIfThere } from './read-file.ts';

const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386' };

/** `disk`: a path on the file system that pods write to; `memoryBytes`: see `memoryCapacity`. */
export async function readInventory(disk: string, memoryBytes: number): Promise<Inventory> {
  const system = await readSystem().catch(() => undefined);
  const [machineId, bootId, release, model, fs] = await Promise.all([
    readIfThere('/etc/machine-id'),
    readIfThere('/proc/sys/kernel/random/boot_id'),
    readIfThere('/etc/os-release'),
    readIfThere('/proc/device-tree/model'),
    statfs(disk).catch(() => undefined),
  ]);
  const id = machineId.trim();
  const uuid = system?.uuid && system.uuid !== '-' ? system.uuid.toLowerCase() : '';
  return {
    machineId: id,
    systemUuid: uuid || id,
    bootId: bootId.trim(),
    kernelVersion: os.release(),
    osImage: parseOsRelease(release).get('PRETTY_NAME') ?? 'Linux',
    architecture: ARCHITECTURES[process.arch] ?? process.arch,
    cpus: os.availableParallelism(),
    memoryBytes,
    diskBytes: fs ? fs.blocks * fs.bsize : 0,
    model: model.replaceAll('\0', '').trim() || (system?.model ?? ''),
  };
}
