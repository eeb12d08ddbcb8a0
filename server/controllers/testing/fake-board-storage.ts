import { serviceUnavailable } from '#proto/meta/status-error.ts';
import type { BoardStorage } from '#server/controllers/localpath/board-storage.ts';

/** Boards whose disks are sets of names. All of them are there unless a test says otherwise. */
export class FakeBoardStorage implements BoardStorage {
  /** `<node>/<volume>` */
  readonly directories = new Set<string>();
  readonly away = new Set<string>();
  /** What boards answer instead of doing anything. */
  problem: Error | undefined;
  readonly #listeners = new Set<(node: string) => void>();

  async make(node: string, volume: string, _bytes: number): Promise<string> {
    this.#check(node);
    this.directories.add(`${node}/${volume}`);
    return `/var/lib/coracle/storage/${volume}`;
  }

  async remove(node: string, volume: string, _path: string): Promise<void> {
    this.#check(node);
    this.directories.delete(`${node}/${volume}`);
  }

  onConnected(listener: (node: string) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  connect(node: string): void {
    this.away.delete(node);
    for (const listener of this.#listeners) listener(node);
  }

  #check(node: string): void {
    if (this.away.has(node)) throw serviceUnavailable(`node "${node}" is not connected`);
    if (this.problem) throw this.problem;
  }
}
