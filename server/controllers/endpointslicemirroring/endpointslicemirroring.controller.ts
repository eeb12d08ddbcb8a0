import { endpoints } from '#proto/api/core/endpoints.ts';
import { services } from '#proto/api/core/services.ts';
import { endpointslices } from '#proto/api/discovery/endpointslices.ts';
import { keyOf } from '#proto/meta/object.ts';
import { isNotFound } from '#proto/meta/status-error.ts';
import type { EndpointSlice } from '#proto/schema/generated/discovery-v1.ts';
import type { Controller, ControllerContext } from '#server/controllers/context.ts';
import { createQueue } from '#server/controllers/context.ts';
import { MANAGED_BY, SERVICE_NAME } from '#server/controllers/service/endpointslice.plan.ts';
import { isMirrored, MIRROR, planMirror } from './endpointslicemirroring.plan.ts';

/** How long a slice that was made may take to show in the cache. */
const SEEN_WITHIN_MS = 10_000;

const mirroredKeyOf = ({ metadata }: EndpointSlice): readonly string[] => {
  const name = metadata.labels?.[SERVICE_NAME];
  return name && metadata.labels?.[MANAGED_BY] === MIRROR ? [`${metadata.namespace}/${name}`] : [];
};

/**
 * Slices of the Endpoints that people write by hand for a service without a selector: proxies and DNS read slices alone.
 * Keys are those of the Endpoints, which are their service's.
 */
export function createEndpointSliceMirroringController(context: ControllerContext): Controller {
  const { client, clock, informers } = context;
  const allEndpoints = informers.for(endpoints);
  const allServices = informers.for(services);
  const slices = informers.for(endpointslices);
  slices.addIndex('mirrored', mirroredKeyOf);
  /** Slices made that the cache has not shown: until it does, a new round would make them twice. */
  const pending = new Map<string, { names: Set<string>; until: number }>();
  const remove = async ({ metadata }: EndpointSlice): Promise<void> => {
    try {
      await client.delete(endpointslices, { namespace: metadata.namespace, name: metadata.name ?? '' });
    } catch (err) {
      if (!isNotFound(err)) throw err;
    }
  };
  const queue = createQueue(context, 'endpointslicemirroring', async (key) => {
    const source = allEndpoints.get(key);
    const existing = slices.byIndex('mirrored', key);
    if (!source || !isMirrored(source, allServices.get(key))) {
      pending.delete(key);
      for (const slice of existing) await remove(slice);
      return undefined;
    }
    const wait = pending.get(key);
    for (const { metadata } of existing) wait?.names.delete(metadata.name ?? '');
    if (wait && wait.names.size > 0 && clock.now() < wait.until) return { requeueAfterMs: 1000 };
    pending.delete(key);
    const plan = planMirror(source, existing);
    if (!source.metadata.deletionTimestamp && plan.create.length > 0) {
      const names = new Set<string>();
      pending.set(key, { names, until: clock.now() + SEEN_WITHIN_MS });
      for (const slice of plan.create)
        names.add((await client.create(endpointslices, slice)).metadata.name ?? '');
    }
    for (const slice of plan.update) await client.update(endpointslices, slice);
    for (const slice of plan.remove) await remove(slice);
    return undefined;
  });
  allEndpoints.onChange((_type, object) => queue.add(keyOf(object)));
  allServices.onChange((type, service, old) => {
    const selects = service.spec.selector !== undefined;
    if (type === 'MODIFIED' ? selects !== (old?.spec.selector !== undefined) : !selects)
      queue.add(keyOf(service));
  });
  slices.onChange((_type, slice, old) => {
    for (const key of [...mirroredKeyOf(slice), ...(old ? mirroredKeyOf(old) : [])]) queue.add(key);
  });
  return { start: (signal) => queue.start(signal) };
}
