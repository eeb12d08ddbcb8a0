import type { Resource, Subresource, Verb } from '#proto/api/resource.ts';
import type { KubeObject } from '#proto/meta/object.ts';

const ALL_VERBS: readonly Verb[] = [
  'create',
  'delete',
  'deletecollection',
  'get',
  'list',
  'patch',
  'update',
  'watch',
];

/** What a descriptor must say; the rest follows from the kind. */
type Definition<T extends KubeObject> = Omit<Resource<T>, 'singular' | 'listKind' | 'verbs' | 'object'> & {
  readonly singular?: string;
  readonly verbs?: readonly Verb[];
};

/** A stored kind: all verbs, `singular` and `listKind` from the kind unless said otherwise. */
export function defineResource<T extends KubeObject>(definition: Definition<T>): Resource<T> {
  return {
    singular: definition.kind.toLowerCase(),
    verbs: ALL_VERBS,
    listKind: `${definition.kind}List`,
    ...definition,
  };
}

/** A kind that is answered, never stored: `tokenreviews`, `bindings`. */
export function defineCreateOnly<T extends KubeObject>(
  definition: Omit<Definition<T>, 'verbs'>,
): Resource<T> {
  return { singular: definition.kind.toLowerCase(), verbs: ['create'], ...definition };
}

const READ_WRITE: readonly Verb[] = ['get', 'patch', 'update'];

/** `status` of `kind`. */
export const statusOf = (kind: string): Subresource => ({ name: 'status', kind, verbs: READ_WRITE });

/** The `scale` that autoscalers and `kubectl scale` speak. */
export const scale: Subresource = {
  name: 'scale',
  kind: 'Scale',
  group: 'autoscaling',
  version: 'v1',
  verbs: READ_WRITE,
};

/** A subresource of the same kind as its parent, read and written like it. */
export const part = (name: string, kind: string): Subresource => ({ name, kind, verbs: READ_WRITE });
