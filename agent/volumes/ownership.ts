import { chmod, lchown, lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pod } from '#proto/schema/generated/core-v1.ts';

/** The group that the pod's volumes belong to. */
export function fsGroupOf(pod: Pod): number | undefined {
  return pod.spec.securityContext?.fsGroup;
}

/**
 * Gives a writable volume to the pod's group: group read and write, and setgid on folders so that new files follow.
 * Rule: upstream's `pkg/volume/volume_linux.go`; `OnRootMismatch` walks only where the root is not right already.
 */
export async function applyFsGroup(directory: string, pod: Pod): Promise<void> {
  const group = fsGroupOf(pod);
  if (group === undefined) return;
  if (pod.spec.securityContext?.fsGroupChangePolicy === 'OnRootMismatch') {
    const root = await lstat(directory);
    if (root.gid === group && (root.mode & 0o2770) === 0o2770) return;
  }
  await give(directory, group);
}

/** Children first: the root tells that all is done. */
async function give(path: string, group: number): Promise<void> {
  const info = await lstat(path);
  if (info.isDirectory()) {
    for (const name of await readdir(path)) await give(join(path, name), group);
  }
  if (info.gid !== group) await lchown(path, info.uid, group);
  if (info.isSymbolicLink()) return;
  const mode = (info.mode & 0o7777) | (info.isDirectory() ? 0o2770 : 0o660);
  if (mode !== (info.mode & 0o7777)) await chmod(path, mode);
}
