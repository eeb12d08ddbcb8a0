import { namespaces } from '#proto/api/core/namespaces.ts';
import { serviceaccounts } from '#proto/api/core/serviceaccounts.ts';
import { isAlreadyExists, isNotFound } from '#proto/meta/status-error.ts';
import type { Controller, ControllerContext } from '#server/controllers/context.ts';
import { createQueue } from '#server/controllers/context.ts';

/** Every namespace has a service account `default`. Keys are namespaces. */
export function createServiceAccountController(context: ControllerContext): Controller {
  const all = context.informers.for(namespaces);
  const accounts = context.informers.for(serviceaccounts);
  const queue = createQueue(context, 'serviceaccounts', async (namespace) => {
    const found = all.get(namespace);
    if (!found || found.metadata.deletionTimestamp || found.status?.phase === 'Terminating') return;
    if (accounts.get(`${namespace}/default`)) return;
    try {
      await context.client.create(serviceaccounts, { metadata: { name: 'default', namespace } });
    } catch (err) {
      if (!isAlreadyExists(err) && !isNotFound(err)) throw err;
    }
  });
  all.onChange((type, { metadata }) => {
    if (type !== 'DELETED' && metadata.name) queue.add(metadata.name);
  });
  accounts.onChange((type, { metadata }) => {
    if (type === 'DELETED' && metadata.name === 'default') queue.add(metadata.namespace ?? '');
  });
  return { start: (signal) => queue.start(signal) };
}
