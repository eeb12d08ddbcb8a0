import { persistentvolumeclaims } from '#proto/api/core/persistentvolumeclaims.ts';
import { persistentvolumes } from '#proto/api/core/persistentvolumes.ts';
import { pods } from '#proto/api/core/pods.ts';
import type { Resource } from '#proto/api/resource.ts';
import { volumeattributesclasses } from '#proto/api/storage/volumeattributesclasses.ts';
import { type KubeObject, keyOf } from '#proto/meta/object.ts';
import { isConflict, isNotFound } from '#proto/meta/status-error.ts';
import type { WorkQueue } from '#server/client/work-queue.ts';
import type { Controller, ControllerContext } from '#server/controllers/context.ts';
import { createQueue } from '#server/controllers/context.ts';
import {
  attributesClassesOf,
  claimsOf,
  planFinalizer,
  usesAttributesClass,
  usesClaim,
} from '#server/controllers/storageprotection/storageprotection.plan.ts';

/**
 * Keeps claims while Pods use them, volumes while they are bound, and classes of attributes while somebody has them:
 * takes their finalizers away when they may go. Keys are objects of the three kinds, in a queue each.
 */
export function createStorageProtectionController(context: ControllerContext): Controller {
  const { client, informers } = context;
  const [allPods, claims, volumes] = [
    informers.for(pods),
    informers.for(persistentvolumeclaims),
    informers.for(persistentvolumes),
  ];
  const classes = informers.for(volumeattributesclasses);

  function protect<T extends KubeObject>(
    name: string,
    resource: Resource<T>,
    finalizer: string,
    isUsed: (object: T) => boolean | Promise<boolean>,
  ): WorkQueue {
    const all = informers.for(resource);
    const queue = createQueue(context, name, async (key) => {
      const object = all.get(key);
      const step = object && planFinalizer(object, finalizer);
      if (!object || !step) return;
      if (step === 'remove-if-unused' && (await isUsed(object))) return;
      const others = (object.metadata.finalizers ?? []).filter((one) => one !== finalizer);
      const finalizers = step === 'add' ? [...others, finalizer] : others;
      try {
        await client.update(resource, { ...object, metadata: { ...object.metadata, finalizers } });
      } catch (err) {
        // Somebody came between: the change will come here, too.
        if (!isConflict(err) && !isNotFound(err)) throw err;
      }
    });
    all.onChange((type, object) => {
      if (type !== 'DELETED' && planFinalizer(object, finalizer)) queue.add(keyOf(object));
    });
    return queue;
  }

  const ofClaims = protect(
    'pvc-protection',
    persistentvolumeclaims,
    'kubernetes.io/pvc-protection',
    async (claim) => {
      const { namespace } = claim.metadata;
      // The cache may be behind, and a claim that goes too early takes its data along: ask.
      const there = await client.list(pods, { namespace: namespace ?? '' });
      return there.items.some((pod) => usesClaim(pod, claim));
    },
  );
  const ofVolumes = protect(
    'pv-protection',
    persistentvolumes,
    'kubernetes.io/pv-protection',
    ({ status }) => status?.phase === 'Bound',
  );
  const ofClasses = protect(
    'vac-protection',
    volumeattributesclasses,
    'kubernetes.io/vac-protection',
    ({ metadata }) => usesAttributesClass(metadata.name ?? '', volumes.list(), claims.list()),
  );

  allPods.onChange((_, pod) => {
    for (const name of claimsOf(pod)) {
      const key = `${pod.metadata.namespace}/${name}`;
      if (claims.get(key)?.metadata.deletionTimestamp) ofClaims.add(key);
    }
  });
  const again = (name: string | undefined): void => {
    if (name && classes.get(name)?.metadata.deletionTimestamp) ofClasses.add(name);
  };
  claims.onChange((_, claim, old) => {
    for (const name of [claim, ...(old ? [old] : [])].flatMap(attributesClassesOf)) again(name);
  });
  volumes.onChange((_, { spec }, old) => {
    again(spec.volumeAttributesClassName);
    again(old?.spec.volumeAttributesClassName);
  });
  return {
    start: (signal) => {
      for (const queue of [ofClaims, ofVolumes, ofClasses]) queue.start(signal);
    },
  };
}
