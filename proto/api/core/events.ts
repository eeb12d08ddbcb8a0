import { age, NAME, text, UNKNOWN, wide } from '#proto/api/columns.ts';
import { defineResource } from '#proto/api/define.ts';
import type { Event } from '#proto/schema/generated/core-v1.ts';

const first = (e: Event): string | undefined => e.firstTimestamp || e.eventTime || undefined;

/** The newest sighting: a series' last, else `lastTimestamp`, else the first. */
const last = (e: Event): string | undefined => e.series?.lastObservedTime || e.lastTimestamp || first(e);

const count = (e: Event): number => e.series?.count || e.count || (first(e) ? 1 : 0);

function source(e: Event): string {
  const component = e.source?.component || e.reportingComponent || '';
  const host = e.source?.host || e.reportingInstance || '';
  return [component, host].filter(Boolean).join(', ');
}

const involved = (e: Event): string =>
  `${(e.involvedObject.kind ?? '').toLowerCase()}/${e.involvedObject.name ?? ''}`;

export const events = defineResource<Event>({
  group: '',
  version: 'v1',
  plural: 'events',
  kind: 'Event',
  namespaced: true,
  shortNames: ['ev'],
  durability: 'relaxed',
  columns: [
    text('Last Seen', (e, now) => age(last(e), now)),
    text('Type', (e) => e.type ?? ''),
    text('Reason', (e) => e.reason ?? ''),
    text('Object', involved),
    wide('Subobject', (e) => e.involvedObject.fieldPath ?? ''),
    wide('Source', source),
    text('Message', (e) => (e.message ?? '').trim()),
    wide('First Seen', (e, now) => (first(e) ? age(first(e), now) : UNKNOWN)),
    { name: 'Count', type: 'string', priority: 1, value: (e) => String(count(e)) },
    { ...NAME, priority: 1, type: 'string' },
  ],
  selectableFields: {
    'involvedObject.kind': (e) => e.involvedObject.kind ?? '',
    'involvedObject.namespace': (e) => e.involvedObject.namespace ?? '',
    'involvedObject.name': (e) => e.involvedObject.name ?? '',
    'involvedObject.uid': (e) => e.involvedObject.uid ?? '',
    'involvedObject.apiVersion': (e) => e.involvedObject.apiVersion ?? '',
    'involvedObject.resourceVersion': (e) => e.involvedObject.resourceVersion ?? '',
    'involvedObject.fieldPath': (e) => e.involvedObject.fieldPath ?? '',
    reason: (e) => e.reason ?? '',
    reportingComponent: (e) => e.reportingComponent ?? '',
    source: (e) => e.source?.component || e.reportingComponent || '',
    type: (e) => e.type ?? '',
  },
});
