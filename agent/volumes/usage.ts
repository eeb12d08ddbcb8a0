import type { Stats } from 'node:fs';
import { lstat, opendir, readdir } from 'node:fs/promises';
import { join } from 'node:path';

export interface WrittenFiles {
  readonly bytes: number;
  readonly inodes: number;
}

/**
 * What a Pod has written to its local volumes, by the volume's name: blocks that are taken, each file once however many names
 * it has. Walks through all files: to be asked rarely. What lies on another file system (a memory medium) is not counted.
 */
export async function volumeUsage(podDir: string): Promise<ReadonlyMap<string, WrittenFiles>> {
  const folder = join(podDir, 'volumes', 'kubernetes.io~empty-dir');
  const device = await lstat(podDir).then(
    ({ dev }) => dev,
    () => undefined,
  );
  const usage = new Map<string, WrittenFiles>();
  for (const name of await readdir(folder).catch(() => []))
    usage.set(name, await filesBelow(join(folder, name), device));
  return usage;
}

/** Of a folder, or a single file; nothing for what is not there. */
export async function filesBelow(path: string, device?: number): Promise<WrittenFiles> {
  const seen = new Set<number>();
  let bytes = 0;
  const waiting = [path];
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    const stats: Stats | undefined = await lstat(at).catch(() => undefined);
    if (!stats || seen.has(stats.ino) || (device !== undefined && stats.dev !== device)) continue;
    seen.add(stats.ino);
    bytes += stats.blocks * 512;
    if (!stats.isDirectory()) continue;
    // Taken away while we look: there is nothing left to count.
    const entries = await opendir(at).catch(() => undefined);
    if (!entries) continue;
    for await (const { name } of entries) waiting.push(join(at, name));
  }
  return { bytes, inodes: seen.size };
}
