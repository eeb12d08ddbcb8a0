import { nodes } from '#proto/api/core/nodes.ts';
import { endpointslices } from '#proto/api/discovery/endpointslices.ts';
import { isNotFound } from '#proto/meta/status-error.ts';
import type { EndpointSlice } from '#proto/schema/generated/discovery-v1.ts';
import type { Controller, ControllerContext } from '#server/controllers/context.ts';
import { createQueue } from '#server/controllers/context.ts';
import {
  MANAGED_BY,
  MANAGER,
  planEndpointSlices,
  SERVICE_NAME,
} from '#server/controllers/service/endpointslice.plan.ts';
import { observeServices } from '#server/controllers/service/service-index.ts';
import { hasEndpoints } from '#server/controllers/service/service-pods.ts';

/** How long a slice that was made may take to show in the cache. */
const SEEN_WITHIN_MS = 10_000;

const serviceKeyOf = ({ metadata }: EndpointSlice): readonly string[] => {
  const name = metadata.labels?.[SERVICE_NAME];
  return name && metadata.labels?.[MANAGED_BY] === MANAGER ? [`${metadata.namespace}/${name}`] : [];
};

/** Slices of the pods behind each service with a selector: what proxies and DNS follow. */
export function createEndpointSliceController(context: ControllerContext): Controller {
  const { client, clock, informers } = context;
  const all = informers.for(endpointslices);
  all.addIndex('service', serviceKeyOf);
  const allNodes = informers.for(nodes);
  /** Slices made that the cache has not shown: until it does, a new round would make them twice. */
  const pending = new Map<string, { names: Set<string>; until: number }>();
  const queue = createQueue(context, 'endpointslices', async (key) => {
    const service = index.services.get(key);
    const existing = all.byIndex('service', key);
    if (!service) {
      pending.delete(key);
      for (const slice of existing) await remove(slice);
      return undefined;
    }
    if (!hasEndpoints(service) || service.metadata.deletionTimestamp) return undefined;
    const wait = pending.get(key);
    for (const { metadata } of existing) wait?.names.delete(metadata.name ?? '');
    if (wait && wait.names.size > 0 && clock.now() < wait.until) return { requeueAfterMs: 1000 };
    pending.delete(key);
    const plan = planEndpointSlices(service, index.podsOf(service), existing, (name) => allNodes.get(name));
    const names = new Set<string>();
    pending.set(key, { names, until: clock.now() + SEEN_WITHIN_MS });
    for (const slice of plan.create) {
      const made = await client.create(endpointslices, slice);
      names.add(made.metadata.name ?? '');
    }
    for (const slice of plan.update) await client.update(endpointslices, slice);
    for (const slice of plan.remove) await remove(slice);
    return undefined;
  });
  const remove = async ({ metadata }: EndpointSlice): Promise<void> => {
    try {
      await client.delete(endpointslices, { namespace: metadata.namespace, name: metadata.name ?? '' });
    } catch (err) {
      if (!isNotFound(err)) throw err;
    }
  };
  const index = observeServices(context, (key) => queue.add(key));
  all.onChange((_type, slice, old) => {
    for (const key of [...serviceKeyOf(slice), ...(old ? serviceKeyOf(old) : [])]) queue.add(key);
  });
  return { start: (signal) => queue.start(signal) };
}
