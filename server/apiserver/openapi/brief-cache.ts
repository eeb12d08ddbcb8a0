/** Values that took a while to make, kept as long as they are used, and a little longer. Keys tell all that they depend on. */
export class BriefCache<T> {
  readonly #entries = new Map<string, { readonly value: Promise<T>; timer: NodeJS.Timeout }>();
  readonly #keepMs: number;

  constructor(keepMs: number) {
    this.#keepMs = keepMs;
  }

  /** What is kept, else what `make` makes, once for all who ask meanwhile. A failure is not kept. */
  get(key: string, make: () => Promise<T>): Promise<T> {
    const known = this.#entries.get(key);
    if (known) {
      known.timer.refresh();
      return known.value;
    }
    const value = make();
    // Nothing waits for it: the process may end before.
    const timer = setTimeout(() => this.#entries.delete(key), this.#keepMs).unref();
    this.#entries.set(key, { value, timer });
    value.catch(() => {
      clearTimeout(timer);
      if (this.#entries.get(key)?.value === value) this.#entries.delete(key);
    });
    return value;
  }
}
