import { persistentvolumeclaims } from '#proto/api/core/persistentvolumeclaims.ts';
import { pods } from '#proto/api/core/pods.ts';
import { keyOf } from '#proto/meta/object.ts';
import { isAlreadyExists } from '#proto/meta/status-error.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import type { Controller, ControllerContext } from '#server/controllers/context.ts';
import { createQueue } from '#server/controllers/context.ts';
import { controllerOf } from '#server/controllers/ownership.ts';
import { failedBinding, planEphemeralVolumes } from './ephemeralvolume.plan.ts';

const hasEphemeral = ({ spec }: Pod): boolean => spec.volumes?.some(({ ephemeral }) => ephemeral) ?? false;

/** Makes the claims of Pods' ephemeral volumes; the garbage collector takes them away with the Pod. Keys are Pods. */
export function createEphemeralVolumeController(context: ControllerContext): Controller {
  const { client, informers } = context;
  const events = context.recorderFor('ephemeral_volume');
  const allPods = informers.for(pods);
  const claims = informers.for(persistentvolumeclaims);
  const queue = createQueue(context, 'ephemeral_volume', async (key) => {
    const pod = allPods.get(key);
    if (!pod) return;
    for (const step of planEphemeralVolumes(pod, (claim) => claims.get(claim))) {
      if (step.type === 'tell') {
        events.event(pod, step.words);
        throw new Error(step.words.message);
      }
      try {
        await client.create(persistentvolumeclaims, step.claim);
      } catch (err) {
        // The cache is behind: whose it is shows when it has come.
        if (!isAlreadyExists(err)) {
          events.event(pod, failedBinding(step.volume, err instanceof Error ? err.message : String(err)));
        }
        throw err;
      }
    }
  });
  allPods.onChange((type, pod) => {
    if (type === 'ADDED' && hasEphemeral(pod)) queue.add(keyOf(pod));
  });
  claims.onChange((type, claim) => {
    const owner = type === 'DELETED' ? controllerOf(claim) : undefined;
    if (owner?.kind === 'Pod') queue.add(`${claim.metadata.namespace}/${owner.name}`);
  });
  return { start: (signal) => queue.start(signal) };
}
