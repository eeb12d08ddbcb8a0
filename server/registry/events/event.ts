import { invalidValue } from '#proto/meta/field-error.ts';
import type { Event } from '#proto/schema/generated/events-v1.ts';
import type { Strategy } from '#server/registry/strategy.ts';

/** The newer face of Events, with `regarding` for `involvedObject`. */
export const eventOfEventsGroup: Strategy<Event> = {
  generation: false,
  validate: ({ metadata, regarding }) => {
    const { namespace } = metadata;
    const about = regarding?.namespace;
    const isPlaced = about ? about === namespace : namespace === 'default' || namespace === 'kube-system';
    if (isPlaced) return [];
    return [invalidValue('involvedObject.namespace', about ?? '', 'does not match event.namespace')];
  },
};
