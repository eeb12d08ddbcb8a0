import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** How long the device takes for 4 KiB appended and synced: the floor below any lonely durable write. */
export function deviceSyncMs(directory: string, samples = 50): readonly number[] {
  const path = join(directory, 'bench-sync');
  const file = openSync(path, 'w');
  try {
    const block = Buffer.alloc(4096, 'x');
    return Array.from({ length: samples }, () => {
      const since = performance.now();
      writeSync(file, block);
      fdatasyncSync(file);
      return performance.now() - since;
    });
  } finally {
    closeSync(file);
    rmSync(path);
  }
}
