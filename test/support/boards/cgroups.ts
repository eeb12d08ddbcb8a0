/** Cgroups of virtual boards, version 1 and 2 behind one set of functions. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isUnified } from '#agent/runtime/cgroup/open.ts';

const ROOT = '/sys/fs/cgroup';

/** 2 only where it is the whole hierarchy: a hybrid machine runs its controllers in version 1. */
export const cgroupVersion = (): 1 | 2 => (isUnified(ROOT) ? 2 : 1);

/** Directories that hold all controllers: one per version 1 hierarchy. */
function hierarchies(): readonly string[] {
  if (cgroupVersion() === 2) return [ROOT];
  return readFileSync('/proc/self/cgroup', 'utf8')
    .split('\n')
    .flatMap((line) => {
      const [id, controllers] = line.split(':');
      return id && id !== '0' && controllers ? [join(ROOT, controllers.replace('name=', ''))] : [];
    })
    .filter((path) => existsSync(path));
}

/** Makes the group in every hierarchy; gives the `cgroup.procs` files to join. */
export function createCgroup(name: string, memoryMiB: number | undefined): readonly string[] {
  return hierarchies().map((root) => {
    const path = join(root, name);
    if (cgroupVersion() === 2)
      for (const controller of readFileSync(`${root}/cgroup.controllers`, 'utf8').trim().split(' '))
        writeQuietly(`${root}/cgroup.subtree_control`, `+${controller}`);
    mkdirSync(path, { recursive: true });
    if (root.endsWith('/cpuset')) {
      // A version 1 cpuset starts empty, and an empty one accepts no process.
      for (const file of ['cpuset.cpus', 'cpuset.mems'])
        writeFileSync(join(path, file), readFileSync(join(root, file)));
      writeFileSync(join(path, 'cgroup.clone_children'), '1');
    }
    if (root.endsWith('/memory')) writeQuietly(join(path, 'memory.use_hierarchy'), '1');
    if (memoryMiB !== undefined) {
      const bytes = String(memoryMiB * 1024 * 1024);
      if (root.endsWith('/memory')) writeFileSync(join(path, 'memory.limit_in_bytes'), bytes);
      if (cgroupVersion() === 2) writeFileSync(join(path, 'memory.max'), bytes);
    }
    return join(path, 'cgroup.procs');
  });
}

/** Every process in the group and below it. */
export function processesIn(name: string): readonly number[] {
  const pids = hierarchies().flatMap((root) =>
    groupsBelow(join(root, name)).flatMap((path) =>
      readQuietly(join(path, 'cgroup.procs')).split('\n').filter(Boolean).map(Number),
    ),
  );
  return [...new Set(pids)];
}

/** CPU time of everything that ran in the group and below it, gone or not. */
export function cpuSecondsOf(name: string): number {
  if (cgroupVersion() === 1) return Number(readQuietly(join(ROOT, 'cpuacct', name, 'cpuacct.usage'))) / 1e9;
  const stat = readQuietly(join(ROOT, name, 'cpu.stat'));
  return Number(/^usage_usec (\d+)/m.exec(stat)?.[1] ?? 0) / 1e6;
}

export function setFrozen(name: string, frozen: boolean): void {
  if (cgroupVersion() === 2) writeFileSync(join(ROOT, name, 'cgroup.freeze'), frozen ? '1' : '0');
  else writeFileSync(join(ROOT, 'freezer', name, 'freezer.state'), frozen ? 'FROZEN' : 'THAWED');
}

/** Removes the empty groups; true when nothing is left. */
export function removeCgroup(name: string): boolean {
  let gone = true;
  for (const root of hierarchies())
    for (const path of groupsBelow(join(root, name)))
      try {
        rmdirSync(path);
      } catch {
        gone = false;
      }
  return gone;
}

/** Names of the groups directly below the root that start with `prefix`. */
export function cgroupsNamed(prefix: string): readonly string[] {
  return [
    ...new Set(hierarchies().flatMap((root) => readdirSync(root).filter((name) => name.startsWith(prefix)))),
  ];
}

/** Deepest first. */
function groupsBelow(path: string): string[] {
  if (!existsSync(path)) return [];
  const children = readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return [...children.flatMap((child) => groupsBelow(join(path, child.name))), path];
}

function writeQuietly(path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch {
    // The kernel may not have the knob, or it is set already.
  }
}

function readQuietly(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
