import { horizontalpodautoscalers } from '#proto/api/autoscaling/horizontalpodautoscalers.ts';
import { events } from '#proto/api/core/events.ts';
import { apiVersionOf, type Resource } from '#proto/api/resource.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import type { HorizontalPodAutoscaler as HpaV1 } from '#proto/schema/generated/autoscaling-v1.ts';
import type { HorizontalPodAutoscaler as HpaV2 } from '#proto/schema/generated/autoscaling-v2.ts';
import type { Event as CoreEvent } from '#proto/schema/generated/core-v1.ts';
import type { Event as NewEvent } from '#proto/schema/generated/events-v1.ts';
import { literalEntry, objectOf } from '#server/apiserver/rest/entries.ts';
import { hpaFromV2, hpaToV2 } from '#server/apiserver/rest/hpa-conversion.ts';
import type { Entry } from '#server/store/store.ts';

/** A kind that is served in a version other than the one that is kept. Functions make new objects. */
interface Conversion {
  readonly stored: Resource;
  toStored(object: KubeObject): KubeObject;
  fromStored(object: KubeObject): KubeObject;
}

const CONVERSIONS: Readonly<Record<string, Conversion>> = {
  'events.k8s.io/v1/events': {
    stored: events,
    toStored: (object) => eventToCore(object as NewEvent),
    fromStored: (object) => eventFromCore(object as CoreEvent),
  },
  'autoscaling/v1/horizontalpodautoscalers': {
    stored: horizontalpodautoscalers,
    toStored: (object) => hpaToV2(object as HpaV1),
    fromStored: (object) => hpaFromV2(object as HpaV2),
  },
};

const conversionOf = (resource: Resource): Conversion | undefined =>
  CONVERSIONS[`${apiVersionOf(resource)}/${resource.plural}`];

/** The descriptor under which the objects of `resource` are kept. */
export const storedOf = (resource: Resource): Resource => conversionOf(resource)?.stored ?? resource;

export const toStored = (resource: Resource, object: KubeObject): KubeObject =>
  conversionOf(resource)?.toStored(object) ?? object;

/** A stored entry in the version that was asked for; the entry itself where that is the same. */
export function presentEntry(resource: Resource, entry: Entry): Entry {
  const conversion = conversionOf(resource);
  if (!conversion) return entry;
  return literalEntry(conversion.fromStored(objectOf(entry)), entry.key, entry.revision);
}

function eventToCore(event: NewEvent): CoreEvent {
  const { regarding, note, deprecatedSource, deprecatedFirstTimestamp, deprecatedLastTimestamp } = event;
  const { deprecatedCount, reportingController, reportingInstance, ...rest } = event;
  return dropUndefined<CoreEvent>({
    ...omit(rest, [
      'regarding',
      'note',
      'deprecatedSource',
      'deprecatedFirstTimestamp',
      'deprecatedLastTimestamp',
    ]),
    apiVersion: 'v1',
    kind: 'Event',
    involvedObject: regarding ?? {},
    message: note,
    source: deprecatedSource,
    firstTimestamp: deprecatedFirstTimestamp,
    lastTimestamp: deprecatedLastTimestamp,
    count: deprecatedCount,
    reportingComponent: reportingController ?? '',
    reportingInstance: reportingInstance ?? '',
  } as CoreEvent);
}

function eventFromCore(event: CoreEvent): NewEvent {
  const { involvedObject, message, source, firstTimestamp, lastTimestamp, count, ...rest } = event;
  return dropUndefined<NewEvent>({
    ...omit(rest, ['reportingComponent']),
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    regarding: involvedObject,
    note: message,
    deprecatedSource: source,
    deprecatedFirstTimestamp: firstTimestamp,
    deprecatedLastTimestamp: lastTimestamp,
    deprecatedCount: count,
    reportingController: event.reportingComponent,
  } as NewEvent);
}

function omit(object: object, keys: readonly string[]): object {
  return Object.fromEntries(Object.entries(object).filter(([key]) => !keys.includes(key)));
}

function dropUndefined<T extends object>(object: T): T {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T;
}
