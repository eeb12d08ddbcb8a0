import { closeSync, existsSync, fsyncSync, lstatSync, openSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Has every snapshot that has come since then on the disk. What containerd unpacks is only in memory at first: a power cut would
 * leave an image of empty files that counts as whole. Not `sync`, which waits for what others write, too.
 */
export function syncSnapshots(folder: string, sinceMs: number): void {
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (lstatSync(path).ctimeMs >= sinceMs) syncTree(path);
  }
}

function syncTree(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) syncTree(path);
    else if (entry.isFile()) syncOne(path);
  }
  syncOne(folder);
}

function syncOne(path: string): void {
  const handle = openSync(path, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
