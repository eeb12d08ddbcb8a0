import { invalidValue } from '#proto/meta/field-error.ts';
import type { Event } from '#proto/schema/generated/core-v1.ts';
import type { Strategy } from '#server/registry/strategy.ts';

/** Events lie where what they are about lies; those about cluster-scoped things in `default`. */
export const event: Strategy<Event> = {
  generation: false,
  validate: ({ metadata, involvedObject }) => {
    const { namespace } = metadata;
    const about = involvedObject?.namespace;
    const isPlaced = about ? about === namespace : namespace === 'default' || namespace === 'kube-system';
    if (isPlaced) return [];
    return [invalidValue('involvedObject.namespace', about ?? '', 'does not match event.namespace')];
  },
};
