import { getOwn, isObject } from '#proto/meta/own-property.ts';
import { fieldSchema, itemSchema, type Structural } from '#server/structural/schema.ts';

/**
 * A value beside what it was before an update. What has not changed is not held against a client, though rules may have
 * become stricter since. Items of lists are found again by their keys, in lists that have some. Rule: apiserver
 * `pkg/cel/common/equality.go`.
 */
export class Correlation {
  readonly value: unknown;
  readonly old: unknown;
  readonly #schema: Structural | undefined;
  readonly #children = new Map<string | number, Correlation | undefined>();
  #unchanged: boolean | undefined;

  constructor(value: unknown, old: unknown, schema: Structural | undefined) {
    this.value = value;
    this.old = old;
    this.#schema = schema;
  }

  /** The field and what it was; undefined where it is new. */
  field(name: string): Correlation | undefined {
    return this.#child(name, () => {
      const { value, old } = this;
      if (!this.#schema || !isObject(value) || !isObject(old)) return undefined;
      if (!Object.hasOwn(value, name) || !Object.hasOwn(old, name)) return undefined;
      const schema = fieldSchema(this.#schema, name);
      return schema && new Correlation(value[name], old[name], schema);
    });
  }

  /** The item and what it was, found by its keys; undefined where it is new or its list has none. */
  item(index: number): Correlation | undefined {
    return this.#child(index, () => {
      const { value, old } = this;
      if (!this.#schema || !Array.isArray(value) || !Array.isArray(old) || !this.#isListMap) return undefined;
      const before = findByKeys(old, value[index], this.#schema);
      const schema = itemSchema(this.#schema);
      return before === undefined || !schema ? undefined : new Correlation(value[index], before, schema);
    });
  }

  /** Is it what it was? Items with keys may have changed places. */
  get unchanged(): boolean {
    this.#unchanged ??= this.#compare();
    return this.#unchanged;
  }

  get #isListMap(): boolean {
    return this.#schema?.['x-kubernetes-list-type'] === 'map';
  }

  #compare(): boolean {
    const { value, old } = this;
    if (Array.isArray(value) && Array.isArray(old)) {
      if (value.length !== old.length) return false;
      if (!this.#isListMap) return isEqual(value, old);
      return value.every((_, i) => this.item(i)?.unchanged ?? false);
    }
    if (isObject(value) && isObject(old)) {
      const keys = Object.keys(value);
      return (
        keys.length === Object.keys(old).length && keys.every((key) => this.field(key)?.unchanged ?? false)
      );
    }
    return isEqual(value, old);
  }

  #child(key: string | number, make: () => Correlation | undefined): Correlation | undefined {
    if (!this.#children.has(key)) this.#children.set(key, make());
    return this.#children.get(key);
  }
}

/** The item of a list that has the same keys; defaults of keys count as keys. */
export function findByKeys(list: readonly unknown[], item: unknown, schema: Structural): unknown {
  if (!isObject(item)) return undefined;
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  return list.find(
    (other) => isObject(other) && keys.every((key) => isEqual(getOwn(other, key), getOwn(item, key))),
  );
}

/** Deep equality of JSON. */
export function isEqual(a: unknown, b: unknown): boolean {
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((item, i) => isEqual(item, b[i]));
  if (isObject(a) && isObject(b)) {
    const keys = Object.keys(a);
    return (
      keys.length === Object.keys(b).length &&
      keys.every((key) => Object.hasOwn(b, key) && isEqual(a[key], b[key]))
    );
  }
  return a === b;
}
