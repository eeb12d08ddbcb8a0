import type { Duplex } from 'node:stream';
import { away, type BoardSession, type StreamRequest } from './board-session.ts';

/** The boards that are connected now: at most one session a node, the newest. */
export class Boards {
  readonly #sessions = new Map<string, BoardSession>();
  readonly #listeners = new Set<(nodeName: string) => void>();

  get(nodeName: string): BoardSession | undefined {
    return this.#sessions.get(nodeName);
  }

  names(): string[] {
    return [...this.#sessions.keys()];
  }

  /**
   * The newest session of a board wins: after a network change the old one may not know yet that it is dead.
   * False where a newer session of the same boot is here already.
   */
  add(session: BoardSession): boolean {
    const old = this.#sessions.get(session.nodeName);
    if (old && old.hello.bootId === session.hello.bootId && old.hello.epoch > session.hello.epoch)
      return false;
    this.#sessions.set(session.nodeName, session);
    old?.end('replaced by a newer session');
    for (const listener of this.#listeners) listener(session.nodeName);
    return true;
  }

  /** Calls back when a board has connected. Returns the function that ends it. */
  onConnected(listener: (nodeName: string) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** A session that was replaced does not remove its successor. */
  remove(session: BoardSession, reason: string): void {
    if (this.#sessions.get(session.nodeName) === session) this.#sessions.delete(session.nodeName);
    session.end(reason);
  }

  /** Rejects with 503 while the board is away. */
  openStream(nodeName: string, request: StreamRequest): Promise<Duplex> {
    return this.#sessions.get(nodeName)?.openStream(request) ?? Promise.reject(away(nodeName));
  }

  closeAll(reason: string): void {
    for (const session of [...this.#sessions.values()]) this.remove(session, reason);
  }
}
