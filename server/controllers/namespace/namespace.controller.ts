import { namespaces } from '#proto/api/core/namespaces.ts';
import { pods } from '#proto/api/core/pods.ts';
import type { Resource } from '#proto/api/resource.ts';
import { isConflict, isNotFound } from '#proto/meta/status-error.ts';
import type { Namespace } from '#proto/schema/generated/core-v1.ts';
import { eachKindOnce, type ServedKinds } from '#server/client/served-kinds.ts';
import type { Outcome } from '#server/client/work-queue.ts';
import type { Controller, ControllerContext } from '#server/controllers/context.ts';
import { createQueue } from '#server/controllers/context.ts';
import { equalJson } from '#server/controllers/json.ts';
import type { Remaining } from '#server/controllers/namespace/namespace.plan.ts';
import { planTerminatingStatus } from '#server/controllers/namespace/namespace.plan.ts';

const FINALIZER = 'kubernetes';
/** Between two looks at a namespace that something still holds; events about its pods come sooner. */
const RETRY_MS = 2000;

/**
 * Empties a namespace that is being deleted, then lets it go. Pods go first, and everything else waits for
 * them: what a pod uses while it stops (a ConfigMap, a service account) must still be there.
 */
export function createNamespaceController(context: ControllerContext, kinds: ServedKinds): Controller {
  const { client, clock, informers } = context;
  const all = informers.for(namespaces);
  const allPods = informers.for(pods);

  /** Deletes all objects of one kind; tells what is still there. */
  const empty = async (resource: Resource, namespace: string): Promise<Remaining> => {
    const finalizers = new Map<string, number>();
    let count = 0;
    const { items } = await client.list(resource, { namespace });
    for (const { metadata } of items) {
      count += 1;
      for (const name of metadata.finalizers ?? []) finalizers.set(name, (finalizers.get(name) ?? 0) + 1);
      if (metadata.deletionTimestamp) continue;
      try {
        const key = { namespace, name: metadata.name ?? '' };
        await client.delete(resource, key, { propagationPolicy: 'Background' });
        // One with neither finalizers nor grace is gone by now.
        if ((metadata.finalizers ?? []).length === 0 && resource.kind !== 'Pod') count -= 1;
      } catch (err) {
        if (isNotFound(err)) count -= 1;
        else if (!isConflict(err)) throw err;
      }
    }
    return { resource: `${resource.plural}.${resource.group}`, count, finalizers };
  };

  const emptyAll = async (namespace: string) => {
    const remaining: Remaining[] = [];
    const failures: string[] = [];
    const mine = eachKindOnce(kinds.all).filter(
      (r) => r.namespaced && r.verbs.includes('list') && r.verbs.includes('delete'),
    );
    const first = mine.filter((r) => r.kind === 'Pod' && r.group === '');
    const rest = mine.filter((r) => !first.includes(r));
    for (const kinds of [first, rest]) {
      for (const resource of kinds) {
        try {
          remaining.push(await empty(resource, namespace));
        } catch (err) {
          failures.push(`${resource.plural}: ${err instanceof Error ? err.message : String(err)}`);
        }
      }
      if (failures.length > 0 || remaining.some(({ count }) => count > 0)) break;
    }
    return { remaining, failures };
  };

  const writeStatus = async (namespace: Namespace, status: Namespace['status']): Promise<Namespace> =>
    equalJson(status, namespace.status)
      ? namespace
      : client.update(namespaces, { ...namespace, status }, { subresource: 'status' });

  const queue = createQueue(context, 'namespaces', async (name): Promise<Outcome> => {
    const namespace = all.get(name);
    if (!namespace?.metadata.deletionTimestamp) return undefined;
    const finalizers = namespace.spec?.finalizers ?? [];
    if (!finalizers.includes(FINALIZER)) return undefined;
    const { remaining, failures } = await emptyAll(name);
    const status = planTerminatingStatus(namespace, remaining, failures, clock.now());
    const updated = await writeStatus(namespace, status);
    const done = failures.length === 0 && remaining.every(({ count }) => count === 0);
    if (!done) return { requeueAfterMs: RETRY_MS };
    const spec = { ...updated.spec, finalizers: finalizers.filter((f) => f !== FINALIZER) };
    await client.update(namespaces, { ...updated, spec }, { subresource: 'finalize' });
    return undefined;
  });

  all.onChange((type, { metadata }) => {
    if (type !== 'DELETED' && metadata.deletionTimestamp) queue.add(metadata.name ?? '');
  });
  allPods.onChange((type, { metadata }) => {
    const name = metadata.namespace ?? '';
    if (type === 'DELETED' && all.get(name)?.metadata.deletionTimestamp) queue.add(name);
  });
  return { start: (signal) => queue.start(signal) };
}
