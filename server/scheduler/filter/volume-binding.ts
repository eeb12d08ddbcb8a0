import type { PersistentVolumeClaim } from '#proto/schema/generated/core-v1.ts';
import { findVolume } from '#server/controllers/persistentvolume/match.plan.ts';
import { classOf, SELECTED_NODE } from '#server/controllers/persistentvolume/storage-facts.ts';
import type { Volumes } from '../cluster.plan.ts';
import type { NodeInfo } from '../node-info.plan.ts';
import { canProvision, inZone, podVolumesOf, reachable } from '../pod-volumes.plan.ts';
import { type Filter, type Refusal, refusal } from './filter.ts';

const ELSEWHERE = refusal("node(s) didn't match PersistentVolume's node affinity");
const OTHER_ZONE = refusal('node(s) had no available volume zone');
const NO_VOLUME = refusal("node(s) didn't find available persistent volumes to bind");
const LOST = refusal('node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)');

/** Volumes that are there must be within the node's reach; those that are not must be possible there. */
export const volumeBinding: Filter = {
  name: 'VolumeBinding',
  prepare: (pod, { volumes }) => {
    if (pod.claims.length === 0) return undefined;
    const claims = podVolumesOf(pod, volumes);
    if (typeof claims === 'string') return refusal(claims);
    return (node) =>
      whyNotBound(claims.bound, node, volumes) ??
      (findsVolumes(claims.delayed, node, volumes) ? undefined : NO_VOLUME);
  },
  helpedBy: (_pod, change) => change.type === 'volume' || (change.type === 'node' && change.relabelled),
};

function whyNotBound(
  claims: readonly PersistentVolumeClaim[],
  node: NodeInfo,
  volumes: Volumes,
): Refusal | undefined {
  for (const { spec } of claims) {
    const volume = volumes.volume(spec.volumeName ?? '');
    if (!volume) return LOST;
    if (!reachable(volume, node)) return ELSEWHERE;
    if (!inZone(volume, node)) return OTHER_ZONE;
  }
  return undefined;
}

function findsVolumes(claims: readonly PersistentVolumeClaim[], node: NodeInfo, volumes: Volumes): boolean {
  const taken = new Set<string>();
  for (const claim of claims) {
    const selected = claim.metadata.annotations?.[SELECTED_NODE];
    if (selected !== undefined && selected !== node.name) return false;
    const free =
      selected === undefined
        ? findVolume(claim, volumes.volumes(), { reachable: (volume) => reachable(volume, node), taken })
        : undefined;
    if (free) taken.add(free.metadata.name ?? '');
    else if (!canProvision(volumes.storageClass(classOf(claim)), node)) return false;
  }
  return true;
}
