/** What one watch may have waiting in memory for a reader that is slow; then it is cut and must list again. */
const MAX_OF_ONE_BYTES = 4 * 1024 * 1024;
/** What all may have together. Beyond it, whoever is behind is cut: one client can open a thousand watches. */
const MAX_OF_ALL_BYTES = 16 * 1024 * 1024;
/** The same, with the beginnings of watches, which nobody can be blamed for. */
const MAX_WITH_STARTS_BYTES = 64 * 1024 * 1024;
/** Less than this is on its way, not behind. */
const BEHIND_BYTES = 64 * 1024;

/** Counts what waits in memory for the readers of all watches. One for a server. */
export class WatchBudget {
  #all = 0;

  /** The account of one watch; `waiting` tells what its connection has not taken yet. */
  open(waiting: () => number): WatchAccount {
    let own = 0;
    // What existed when the watch began comes at once and is no sign of a slow reader.
    let atStart = Number.POSITIVE_INFINITY;
    const settle = (now: number): void => {
      this.#all += now - own;
      own = now;
    };
    return {
      settle: () => settle(waiting()),
      started: () => {
        atStart = waiting();
      },
      drained: () => {
        settle(waiting());
        if (own === 0 && atStart !== Number.POSITIVE_INFINITY) atStart = 0;
      },
      isBehind: () => {
        settle(waiting());
        const late = own - atStart;
        if (own > BEHIND_BYTES && this.#all > MAX_WITH_STARTS_BYTES) return true;
        return late > MAX_OF_ONE_BYTES || (late > BEHIND_BYTES && this.#all > MAX_OF_ALL_BYTES);
      },
      close: () => settle(0),
    };
  }
}

export interface WatchAccount {
  /** After a write. */
  settle(): void;
  /** All that there was at the beginning has been written. */
  started(): void;
  drained(): void;
  /** Is its reader too slow to be waited for? */
  isBehind(): boolean;
  close(): void;
}
