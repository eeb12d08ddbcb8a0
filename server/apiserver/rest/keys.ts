import { groupResourceOf, type Resource } from '#proto/api/resource.ts';

/**
 * Where objects lie in the store: `<plural>[.<group>]/[<namespace>/]<name>`. Versions of a kind share their
 * place; `stored` is the descriptor of the version that is kept (see conversion.ts).
 */
export function prefixOf(stored: Pick<Resource, 'group' | 'plural'>, namespace?: string): string {
  const { group, resource } = groupResourceOf(stored);
  const root = group ? `${resource}.${group}/` : `${resource}/`;
  return namespace ? `${root}${namespace}/` : root;
}

export const storageKey = (stored: Resource, namespace: string | undefined, name: string): string =>
  `${prefixOf(stored, stored.namespaced ? namespace : undefined)}${name}`;
