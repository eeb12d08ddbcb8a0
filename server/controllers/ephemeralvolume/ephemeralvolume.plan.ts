/** Claims that live as long as a Pod. Rule: KEP-1698, upstream's `pkg/controller/volume/ephemeral`. */
import { pods } from '#proto/api/core/pods.ts';
import type { PersistentVolumeClaim, Pod } from '#proto/schema/generated/core-v1.ts';
import type { EventWords } from '#server/client/event-words.ts';
import { controllerReference } from '#server/controllers/ownership.ts';

export type EphemeralStep =
  | { readonly type: 'create'; readonly volume: string; readonly claim: PersistentVolumeClaim }
  /** A claim of that name is somebody else's. */
  | { readonly type: 'tell'; readonly words: EventWords };

export function planEphemeralVolumes(
  pod: Pod,
  claimAt: (key: string) => PersistentVolumeClaim | undefined,
): readonly EphemeralStep[] {
  if (pod.metadata.deletionTimestamp) return [];
  const { namespace = '', uid } = pod.metadata;
  return (pod.spec.volumes ?? []).flatMap(({ name: volume, ephemeral }): EphemeralStep[] => {
    if (!ephemeral) return [];
    const name = `${pod.metadata.name}-${volume}`;
    const there = claimAt(`${namespace}/${name}`);
    if (!there) return [{ type: 'create', volume, claim: claimFor(pod, name, ephemeral) }];
    const isOurs = there.metadata.ownerReferences?.some((owner) => owner.controller && owner.uid === uid);
    if (isOurs) return [];
    const why = `PVC ${namespace}/${name} was not created for pod ${namespace}/${pod.metadata.name} (pod is not owner)`;
    return [{ type: 'tell', words: failedBinding(volume, why) }];
  });
}

export const failedBinding = (volume: string, why: string): EventWords => ({
  type: 'Warning',
  reason: 'FailedBinding',
  message: `ephemeral volume ${volume}: ${why}`,
});

type Ephemeral = NonNullable<NonNullable<Pod['spec']['volumes']>[number]['ephemeral']>;

function claimFor(pod: Pod, name: string, { volumeClaimTemplate }: Ephemeral): PersistentVolumeClaim {
  const { annotations, labels } = volumeClaimTemplate?.metadata ?? {};
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: {
      name,
      namespace: pod.metadata.namespace,
      ownerReferences: [controllerReference(pod, pods)],
      ...(annotations ? { annotations } : {}),
      ...(labels ? { labels } : {}),
    },
    spec: volumeClaimTemplate?.spec ?? {},
  };
}
