import { age, NAME, text, UNKNOWN, wide } from '#proto/api/columns.ts';
import { defineResource } from '#proto/api/define.ts';
import type { Event } from '#proto/schema/generated/events-v1.ts';

/** The same objects as `v1` events under the newer names; stored as `v1`. */
const first = (e: Event): string | undefined => e.deprecatedFirstTimestamp || e.eventTime || undefined;

const last = (e: Event): string | undefined =>
  e.series?.lastObservedTime || e.deprecatedLastTimestamp || first(e);

const count = (e: Event): number => e.series?.count || e.deprecatedCount || (first(e) ? 1 : 0);

const regarding = (e: Event): string =>
  `${(e.regarding?.kind ?? '').toLowerCase()}/${e.regarding?.name ?? ''}`;

export const events = defineResource<Event>({
  group: 'events.k8s.io',
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
    text('Object', regarding),
    wide('Subobject', (e) => e.regarding?.fieldPath ?? ''),
    wide('Source', (e) =>
      [
        e.deprecatedSource?.component || e.reportingController,
        e.deprecatedSource?.host || e.reportingInstance,
      ]
        .filter(Boolean)
        .join(', '),
    ),
    text('Message', (e) => (e.note ?? '').trim()),
    wide('First Seen', (e, now) => (first(e) ? age(first(e), now) : UNKNOWN)),
    { name: 'Count', type: 'string', priority: 1, value: (e) => String(count(e)) },
    { ...NAME, priority: 1, type: 'string' },
  ],
  selectableFields: {
    'regarding.kind': (e) => e.regarding?.kind ?? '',
    'regarding.namespace': (e) => e.regarding?.namespace ?? '',
    'regarding.name': (e) => e.regarding?.name ?? '',
    'regarding.uid': (e) => e.regarding?.uid ?? '',
    'regarding.apiVersion': (e) => e.regarding?.apiVersion ?? '',
    'regarding.resourceVersion': (e) => e.regarding?.resourceVersion ?? '',
    'regarding.fieldPath': (e) => e.regarding?.fieldPath ?? '',
    reason: (e) => e.reason ?? '',
    reportingController: (e) => e.reportingController ?? '',
    type: (e) => e.type ?? '',
  },
});
