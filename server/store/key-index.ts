/**
 * The resource that a key or a prefix belongs to: its first path segment with the slash behind it
 * (`deployments.apps/`), or the whole of it where there is none. No bucket is a prefix of another's keys, so sorted
 * buckets of sorted keys are sorted keys.
 */
export function bucketOf(key: string): string {
  const slash = key.indexOf('/', 1);
  return slash < 0 ? key : key.slice(0, slash + 1);
}

/** Are all keys under this prefix in one bucket? */
export const isBucketed = (prefix: string): boolean => prefix.indexOf('/', 1) >= 0;

/** Where `key` is, or would be, in a sorted array. */
export function lowerBound(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] as string) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** An ordered map of keys, cut by resource so that a busy resource does not slow the others down. */
export class KeyIndex<V> {
  readonly #values = new Map<string, V>();
  readonly #buckets = new Map<string, string[]>();
  #names: string[] = [];

  get size(): number {
    return this.#values.size;
  }

  get(key: string): V | undefined {
    return this.#values.get(key);
  }

  set(key: string, value: V): void {
    if (!this.#values.has(key)) this.#insert(key);
    this.#values.set(key, value);
  }

  delete(key: string): void {
    if (!this.#values.delete(key)) return;
    const name = bucketOf(key);
    const keys = this.#buckets.get(name) as string[];
    keys.splice(lowerBound(keys, key), 1);
    if (keys.length > 0) return;
    this.#buckets.delete(name);
    this.#names = this.#names.filter((n) => n !== name);
  }

  /** The sorted keys that start with `prefix`. */
  keys(prefix: string): string[] {
    if (isBucketed(prefix)) return slice(this.#buckets.get(bucketOf(prefix)) ?? [], prefix);
    return this.#names.flatMap((name) => slice(this.#buckets.get(name) as string[], prefix));
  }

  #insert(key: string): void {
    const name = bucketOf(key);
    let keys = this.#buckets.get(name);
    if (!keys) {
      keys = [];
      this.#buckets.set(name, keys);
      this.#names.splice(lowerBound(this.#names, name), 0, name);
    }
    keys.splice(lowerBound(keys, key), 0, key);
  }
}

function slice(keys: readonly string[], prefix: string): string[] {
  const from = lowerBound(keys, prefix);
  let to = from;
  if (keys[keys.length - 1]?.startsWith(prefix)) to = keys.length;
  else while (to < keys.length && (keys[to] as string).startsWith(prefix)) to++;
  return keys.slice(from, to);
}
