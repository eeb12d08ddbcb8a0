import { groupResourceOf, type Resource } from '#proto/api/resource.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import { notFound } from '#proto/meta/status-error.ts';
import { literalEntry } from '#server/apiserver/rest/entries.ts';
import type { ListPage, ListQuery } from '#server/apiserver/rest/list.ts';
import { selectionOf } from '#server/apiserver/rest/selection.ts';
import type { Entry } from '#server/store/store.ts';

/** A kind that is answered instead of stored: get and list, nothing else. */
export interface VirtualKind {
  readonly resource: Resource;
  /** Absent: the one of this name in the list. Throws a StatusError of its own where there is none. */
  readonly get?: (namespace: string | undefined, name: string) => KubeObject;
  readonly list: (namespace: string | undefined) => readonly KubeObject[];
}

export function getVirtual(kind: VirtualKind, namespace: string | undefined, name: string): Entry {
  const object = kind.get
    ? kind.get(namespace, name)
    : kind.list(namespace).find(({ metadata }) => metadata.name === name);
  if (!object) throw notFound(groupResourceOf(kind.resource), name);
  return literalEntry(object);
}

/** One page, whatever its size. */
export function listVirtual(kind: VirtualKind, namespace: string | undefined, query: ListQuery): ListPage {
  const selection = selectionOf(kind.resource, query.labelSelector, query.fieldSelector);
  const found = kind.list(namespace).filter((object) => selection.matches(object));
  return {
    entries: found.map((object) => literalEntry(object)),
    revision: 0,
    continue: undefined,
    remainingItemCount: undefined,
  };
}
