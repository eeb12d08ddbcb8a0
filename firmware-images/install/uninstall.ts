import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ContainerdRuntime } from '#agent/runtime/containerd/driver.ts';
import { LEFT_BEHIND, mountsBelow, ownTables, PLACES } from './install.plan.ts';
import type { Machine } from './machine.ts';

export interface UninstallOptions {
  /** The cluster's data, keys, settings and logs stay. */
  readonly keepData: boolean;
}

const SOCKET = '/run/coracle/containerd/containerd.sock';
const FOLDERS = ['/var/lib/coracle', '/run/coracle'];
const STOP_MS = 10_000;

/**
 * Takes Coracle and all of its Pods off this machine. Each step goes on where one before it left off: it can be run again.
 * A containerd that somebody else runs, and Debian's packages, stay.
 */
export async function uninstall({ keepData }: UninstallOptions, machine: Machine): Promise<void> {
  if (!machine.isRoot()) throw new Error('uninstalling needs root: sudo coracle uninstall');
  const at = (path: string): string => `${machine.root}${path}`;
  if (machine.hasSystemd()) {
    const units = ['coracle-agent.service', 'coracle-server.service'];
    const there = units.filter((unit) => existsSync(at(`${PLACES.units}/${unit}`)));
    if (there.length > 0) await machine.systemctl('disable', '--quiet', '--now', ...there);
    machine.say('✓ services stopped');
  }
  if (existsSync(at(SOCKET))) {
    const count = await endPods(at(SOCKET));
    machine.say(`✓ ${count} Pods ended`);
  }
  await endProcesses();
  for (const point of mountsBelow(readFileSync('/proc/self/mountinfo', 'utf8'), FOLDERS.map(at)))
    await machine.run('umount', '--lazy', point).catch(() => '');
  for (const table of ownTables(await machine.run('nft', 'list', 'tables').catch(() => '')))
    await machine.run('nft', 'delete', ...table.split(' '));
  for (const link of LEFT_BEHIND.links) await machine.run('ip', 'link', 'delete', link).catch(() => '');
  machine.say('✓ network as it was');
  for (const path of [...LEFT_BEHIND.always, ...(keepData ? [] : LEFT_BEHIND.data)]) remove(at(path));
  for (const path of LEFT_BEHIND.empty) await rmdir(at(path)).catch(() => undefined);
  removeCgroups(at('/sys/fs/cgroup'));
  if (machine.hasSystemd()) await machine.systemctl('daemon-reload');
  machine.say(
    keepData ? '✓ programs removed; data kept in /var/lib/coracle and /etc/coracle' : '✓ files removed',
  );
}

/** With all that is in it; of a folder that is a mount point, only that. */
function remove(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {
    // Node tells of "unknown error" where it means EBUSY.
    for (const name of readdirSync(path)) rmSync(join(path, name), { recursive: true, force: true });
  }
}

/** Through containerd, so that addresses, namespaces and mounts are given back in order. */
async function endPods(socket: string): Promise<number> {
  const runtime = new ContainerdRuntime(socket);
  try {
    const { sandboxes } = await runtime.list();
    await Promise.all(
      sandboxes.map(async ({ id }) => {
        await runtime.stopSandbox(id);
        await runtime.removeSandbox(id);
      }),
    );
    return sandboxes.length;
  } catch {
    // It is down, or does not answer: what it left is ended below.
    return 0;
  } finally {
    runtime[Symbol.dispose]();
  }
}

/** Everything that was started from Coracle's folders: containerd, its shims, HAProxy, mosquitto. */
async function endProcesses(): Promise<void> {
  for (const [signal, waitMs] of [
    ['SIGTERM', STOP_MS],
    ['SIGKILL', 2_000],
  ] as const) {
    for (const pid of ownProcesses()) {
      try {
        process.kill(pid, signal);
      } catch {
        // It has ended meanwhile.
      }
    }
    for (let waited = 0; waited < waitMs && ownProcesses().length > 0; waited += 100) await sleep(100);
  }
}

function ownProcesses(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map(Number)
    .filter((pid) => {
      try {
        const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
        return words.slice(1).some((word) => FOLDERS.some((folder) => word.startsWith(`${folder}/`)));
      } catch {
        return false;
      }
    });
}

/** The cgroups of Pods, on either version; empty ones are folders that can be removed. */
function removeCgroups(root: string): void {
  const tops = existsSync(`${root}/kubepods`)
    ? [root]
    : existsSync(root)
      ? readdirSync(root).map((name) => `${root}/${name}`)
      : [];
  const removeFolder = (path: string): void => {
    try {
      for (const entry of readdirSync(path, { withFileTypes: true }))
        if (entry.isDirectory()) removeFolder(`${path}/${entry.name}`);
      rmdirSync(path);
    } catch {
      // Another hierarchy, or one that the kernel still holds: it goes with the next boot.
    }
  };
  for (const top of tops) if (existsSync(`${top}/kubepods`)) removeFolder(`${top}/kubepods`);
}
