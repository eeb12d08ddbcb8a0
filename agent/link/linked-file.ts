import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Cluster } from './cluster.ts';

/** A file on a tmpfs that is there while the board is connected: how the rest of a flashed board learns that all is well. */
export function keepLinkedFile(cluster: Pick<Cluster, 'onConnection'>, path: string): void {
  rmSync(path, { force: true });
  cluster.onConnection((connected) => {
    if (!connected) return rmSync(path, { force: true });
    mkdirSync(dirname(path), { recursive: true, mode: 0o711 });
    writeFileSync(path, '');
  });
}
