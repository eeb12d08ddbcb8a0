import { configmaps } from '#proto/api/core/configmaps.ts';
import { namespaces } from '#proto/api/core/namespaces.ts';
import { isAlreadyExists, isNotFound } from '#proto/meta/status-error.ts';
import type { Controller, ControllerContext } from '#server/controllers/context.ts';
import { createQueue } from '#server/controllers/context.ts';

const NAME = 'kube-root-ca.crt';
const DESCRIPTION = 'kubernetes.io/description';
/** Upstream's words: clients show them. */
const WORDS =
  'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as ' +
  'the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of ' +
  'Kubernetes clusters.';

/** Every namespace has the cluster's CA in a ConfigMap, for pods to trust the API by. Keys are namespaces. */
export function createRootCaController(context: ControllerContext, caPem: string): Controller {
  const all = context.informers.for(namespaces);
  const maps = context.informers.for(configmaps);
  const queue = createQueue(context, 'root-ca', async (namespace) => {
    const found = all.get(namespace);
    if (!found || found.metadata.deletionTimestamp || found.status?.phase === 'Terminating') return;
    const current = maps.get(`${namespace}/${NAME}`);
    const data = { 'ca.crt': caPem };
    if (current) {
      const same =
        current.data?.['ca.crt'] === caPem &&
        Object.keys(current.data).length === 1 &&
        current.metadata.annotations?.[DESCRIPTION] !== undefined;
      if (same) return;
      const annotations = { ...current.metadata.annotations, [DESCRIPTION]: WORDS };
      await context.client.update(configmaps, {
        ...current,
        metadata: { ...current.metadata, annotations },
        data,
      });
      return;
    }
    try {
      await context.client.create(configmaps, {
        metadata: { name: NAME, namespace, annotations: { [DESCRIPTION]: WORDS } },
        data,
      });
    } catch (err) {
      if (!isAlreadyExists(err) && !isNotFound(err)) throw err;
    }
  });
  all.onChange((type, { metadata }) => {
    if (type !== 'DELETED' && metadata.name) queue.add(metadata.name);
  });
  maps.onChange((_type, { metadata }) => {
    if (metadata.name === NAME) queue.add(metadata.namespace ?? '');
  });
  return { start: (signal) => queue.start(signal) };
}
