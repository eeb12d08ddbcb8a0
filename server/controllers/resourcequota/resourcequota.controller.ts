import { isDeepStrictEqual } from 'node:util';
import { resourcequotas } from '#proto/api/core/resourcequotas.ts';
import { type KubeObject, keyOf } from '#proto/meta/object.ts';
import { isConflict, isNotFound } from '#proto/meta/status-error.ts';
import type { ResourceList, ResourceQuota } from '#proto/schema/generated/core-v1.ts';
import type { Informer } from '#server/client/informer.ts';
import { indexByNamespace } from '#server/client/object-cache.ts';
import type { ServedKinds } from '#server/client/served-kinds.ts';
import type { Controller, ControllerContext } from '#server/controllers/context.ts';
import { createQueue } from '#server/controllers/context.ts';
import { type CountedKind, kindOf, usedOf } from '#server/quota/usage.plan.ts';

/** A rollout changes many Pods at once: they are counted together. */
const SETTLE_MS = 200;
const UNSYNCED_MS = 100;
/** A Pod stops counting when its grace is over, of which nobody tells. */
const RECOUNT_MS = 5 * 60_000;

/**
 * Keeps `status.hard` and `status.used` of ResourceQuotas, for people to see: admission counts for itself. Only kinds that
 * some quota counts are watched. Keys are quotas.
 */
export function createResourceQuotaController(context: ControllerContext, kinds: ServedKinds): Controller {
  const { client, clock, informers } = context;
  const quotas = informers.for(resourcequotas);
  quotas.addIndex('namespace', indexByNamespace);
  const counted = new Map<string, Informer<KubeObject>>();

  const queue = createQueue(context, 'resourcequota', async (key) => {
    const quota = quotas.get(key);
    if (!quota || quota.metadata.deletionTimestamp) return undefined;
    const used: ResourceList = {};
    for (const kind of kindsOf(quota)) {
      const informer = informerOf(kind);
      // Of a kind that nobody serves there is nothing.
      if (!informer) Object.assign(used, usedOf(quota, kind, [], clock.now()));
      else if (!informer.hasSynced) return { requeueAfterMs: UNSYNCED_MS };
      else {
        const objects = informer.byIndex('namespace', quota.metadata.namespace ?? '');
        Object.assign(used, usedOf(quota, kind, objects, clock.now()));
      }
    }
    await write(quota, used);
    return { requeueAfterMs: RECOUNT_MS };
  });

  async function write(quota: ResourceQuota, used: ResourceList): Promise<void> {
    const status = { hard: quota.spec.hard ?? {}, used };
    if (isDeepStrictEqual(status, { hard: {}, used: {}, ...quota.status })) return;
    try {
      await client.update(resourcequotas, { ...quota, status }, { subresource: 'status' });
    } catch (err) {
      // Somebody came between: the change will come here, too.
      if (!isConflict(err) && !isNotFound(err)) throw err;
    }
  }

  function informerOf({ group, plural }: CountedKind): Informer<KubeObject> | undefined {
    const id = `${plural}.${group}`;
    const resource = kinds.all.find((one) => one.plural === plural && one.group === group && one.namespaced);
    const known = counted.get(id);
    // Of a custom kind that came anew, there is another informer.
    if (known && known === (resource && informers.for(resource))) return known;
    counted.delete(id);
    if (!resource?.verbs.includes('watch')) return undefined;
    const informer = informers.for(resource);
    counted.set(id, informer);
    informer.addIndex('namespace', indexByNamespace);
    informer.onChange((_, { metadata: { namespace = '' } }) => {
      for (const quota of quotas.byIndex('namespace', namespace)) queue.addAfter(keyOf(quota), SETTLE_MS);
    });
    return informer;
  }

  quotas.onChange((type, quota) => {
    if (type !== 'DELETED') queue.add(keyOf(quota));
  });
  return { start: (signal) => queue.start(signal) };
}

function kindsOf(quota: ResourceQuota): CountedKind[] {
  const kinds = new Map<string, CountedKind>();
  for (const name of Object.keys(quota.spec.hard ?? {})) {
    const kind = kindOf(name);
    kinds.set(`${kind.plural}.${kind.group}`, kind);
  }
  return [...kinds.values()];
}
