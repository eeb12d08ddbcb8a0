import type { RequestInfo } from '#server/apiserver/http/request-info.ts';
import { prefixOf } from '#server/apiserver/rest/keys.ts';
import type { Store } from '#server/store/store.ts';

const OBJECTS_PER_SEAT = 100;
const MOST_SEATS = 10;

/** How many seats a request takes: a long list costs more than reading one object. Rule: upstream's `list_work_estimator.go`. */
export function seatsOf({ verb, resource }: RequestInfo, query: URLSearchParams, store: Store): number {
  if (verb !== 'list' || !resource || resource.name !== '') return 1;
  const prefix = prefixOf(
    { group: resource.group, plural: resource.plural },
    resource.namespace || undefined,
  );
  const { entries, remaining } = store.range({ prefix, limit: 1 });
  const limit = Number(query.get('limit')) || Number.POSITIVE_INFINITY;
  const objects = Math.min(entries.length + remaining, limit);
  return Math.min(MOST_SEATS, Math.max(1, Math.ceil(objects / OBJECTS_PER_SEAT)));
}
