import { endpoints } from '#proto/api/core/endpoints.ts';
import { keyOf, parseKey } from '#proto/meta/object.ts';
import { isNotFound } from '#proto/meta/status-error.ts';
import type { Endpoints } from '#proto/schema/generated/core-v1.ts';
import type { Controller, ControllerContext } from '#server/controllers/context.ts';
import { createQueue } from '#server/controllers/context.ts';
import { equalJson } from '#server/controllers/json.ts';
import { planSubsets } from '#server/controllers/service/endpoints.plan.ts';
import { observeServices } from '#server/controllers/service/service-index.ts';
import { endpointLabels, hasEndpoints } from '#server/controllers/service/service-pods.ts';

const MANAGED_BY = 'endpoints.kubernetes.io/managed-by';

/** One Endpoints object a service with a selector, named like it. */
export function createEndpointsController(context: ControllerContext): Controller {
  const { client, informers } = context;
  const all = informers.for(endpoints);
  const queue = createQueue(context, 'endpoints', async (key) => {
    const service = index.services.get(key);
    const current = all.get(key);
    if (!service) {
      // Those of services without a selector are their writer's.
      if (!current?.metadata.labels?.[MANAGED_BY]) return;
      try {
        await client.delete(endpoints, parseKey(key));
      } catch (err) {
        if (!isNotFound(err)) throw err;
      }
      return;
    }
    if (!hasEndpoints(service) || service.metadata.deletionTimestamp) return;
    const subsets = planSubsets(service, index.podsOf(service));
    const labels = { ...endpointLabels(service), [MANAGED_BY]: 'endpoint-controller' };
    if (!current) {
      const object: Endpoints = { metadata: { ...parseKey(key), labels }, subsets };
      await client.create(endpoints, object);
      return;
    }
    if (equalJson(subsets, current.subsets ?? []) && equalJson(labels, current.metadata.labels)) return;
    await client.update(endpoints, { ...current, metadata: { ...current.metadata, labels }, subsets });
  });
  const index = observeServices(context, (key) => queue.add(key));
  all.onChange((_type, object) => queue.add(keyOf(object)));
  return { start: (signal) => queue.start(signal) };
}
