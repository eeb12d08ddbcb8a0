import type { FieldValidation } from '#proto/meta/decode/strict.ts';
import { badRequest } from '#proto/meta/status-error.ts';
import type { DeleteOptions } from '#proto/schema/generated/meta-v1.ts';
import { isTrue } from '#server/apiserver/http/target.ts';
import type { ListQuery } from '#server/apiserver/rest/list.ts';
import type { WatchQuery } from '#server/apiserver/rest/watch.ts';

/** Query parameters as the handlers take them. Rule: `metav1.ListOptions`, `CreateOptions`, `DeleteOptions`. */
export function listQuery(query: URLSearchParams): ListQuery {
  integer(query, 'timeoutSeconds');
  return {
    labelSelector: query.get('labelSelector') ?? undefined,
    fieldSelector: query.get('fieldSelector') ?? undefined,
    limit: Math.max(integer(query, 'limit') ?? 0, 0) || undefined,
    continue: query.get('continue') ?? undefined,
    resourceVersion: query.get('resourceVersion') ?? undefined,
    resourceVersionMatch: query.get('resourceVersionMatch') ?? undefined,
    sendInitialEvents: boolean(query, 'sendInitialEvents'),
  };
}

function boolean(query: URLSearchParams, name: string): boolean | undefined {
  const text = query.get(name);
  return text === null ? undefined : isTrue(text);
}

export function watchQuery(query: URLSearchParams, name: string): WatchQuery {
  const list = listQuery(query);
  const byName = name ? `metadata.name=${name}` : undefined;
  return {
    ...list,
    fieldSelector: [list.fieldSelector, byName].filter(Boolean).join(',') || undefined,
    allowWatchBookmarks: isTrue(query.get('allowWatchBookmarks')),
  };
}

export function integer(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null || text === '') return undefined;
  if (!/^-?[0-9]{1,15}$/.test(text)) {
    throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  }
  return Number(text);
}

/** Of values that were checked. */
export const isDryRun = (values: readonly string[]): boolean => values.length > 0;

/** Of a query that was checked. */
export const fieldValidation = (query: URLSearchParams): FieldValidation =>
  (query.get('fieldValidation') || 'Warn') as FieldValidation;

/** Parameters of a delete that come in the query; a body with the same wins. */
export function deleteOptions(query: URLSearchParams): DeleteOptions {
  const grace = integer(query, 'gracePeriodSeconds');
  const policy = query.get('propagationPolicy');
  const orphan = query.get('orphanDependents');
  const dryRun = query.getAll('dryRun');
  return {
    ...(grace === undefined ? {} : { gracePeriodSeconds: grace }),
    ...(policy === null ? {} : { propagationPolicy: policy }),
    ...(orphan === null ? {} : { orphanDependents: isTrue(orphan) }),
    ...(dryRun.length === 0 ? {} : { dryRun }),
  };
}

/** `fieldManager`, or the program's name as its user agent says it. */
export function managerOf(query: URLSearchParams, userAgent: string | undefined): string {
  return query.get('fieldManager') || (userAgent ?? '').split('/')[0] || 'unknown';
}

/** What a create or update asks for beside its object, as admission is told of it. */
export function optionsOf(query: URLSearchParams): object {
  const dryRun = query.getAll('dryRun');
  const given = ['fieldManager', 'fieldValidation'].flatMap((name) => {
    const value = query.get(name);
    return value ? [[name, value]] : [];
  });
  return { ...(dryRun.length > 0 ? { dryRun } : {}), ...Object.fromEntries(given) };
}
