import type { Resource } from '#proto/api/resource.ts';

/** What is served at the moment, for those who work on all kinds there are: custom kinds come and go. */
export interface ServedKinds {
  /** A new list after each change. A kind in several versions stands in it with each. */
  readonly all: readonly Resource[];
  /** Calls back after each change. Returns the function that ends it. */
  onChange(listener: () => void): () => void;
}

/** Kinds that stay as they are. */
export const fixedKinds = (all: readonly Resource[]): ServedKinds => ({ all, onChange: () => () => {} });

/** One version of each kind, the first: what works on objects wants each of them once. */
export function eachKindOnce(resources: readonly Resource[]): Resource[] {
  const seen = new Set<string>();
  return resources.filter(({ group, plural }) => {
    const id = `${plural}.${group}`;
    if (seen.has(id)) return false;
    seen.add(id);
    return true;
  });
}
