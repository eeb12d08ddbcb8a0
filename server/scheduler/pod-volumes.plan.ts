import type { PersistentVolume, PersistentVolumeClaim } from '#proto/schema/generated/core-v1.ts';
import type { StorageClass } from '#proto/schema/generated/storage-v1.ts';
import { controllerOf } from '#server/controllers/ownership.ts';
import {
  BIND_COMPLETED,
  classOf,
  NO_PROVISIONER,
  waitsForConsumer,
} from '#server/controllers/persistentvolume/storage-facts.ts';
import type { Volumes } from './cluster.plan.ts';
import { matchesNodeSelector } from './filter/node-affinity.ts';
import type { NodeInfo } from './node-info.plan.ts';
import type { PodInfo } from './pod-info.plan.ts';

export interface PodVolumes {
  readonly bound: readonly PersistentVolumeClaim[];
  /** Their class waits for the first consumer: they get a volume once the Pod has a node. */
  readonly delayed: readonly PersistentVolumeClaim[];
}

const shortName = (key: string): string => key.slice(key.indexOf('/') + 1);

/** Is the claim to be made for the Pod? */
const isEphemeral = ({ pod }: PodInfo, key: string): boolean =>
  pod.spec.volumes?.some(
    (volume) => volume.ephemeral && `${pod.metadata.name}-${volume.name}` === shortName(key),
  ) ?? false;

export function claimNotFound(pod: PodInfo, key: string): string {
  const name = JSON.stringify(shortName(key));
  return isEphemeral(pod, key)
    ? `waiting for ephemeral volume controller to create the persistentvolumeclaim ${name}`
    : `persistentvolumeclaim ${name} not found`;
}

/** What the Pod's claims are at, or, as a text, why no node will do. Rule: upstream's VolumeBinding. */
export function podVolumesOf(pod: PodInfo, volumes: Volumes): PodVolumes | string {
  const bound: PersistentVolumeClaim[] = [];
  const delayed: PersistentVolumeClaim[] = [];
  let immediate = false;
  for (const key of pod.claims) {
    const claim = volumes.claim(key);
    if (!claim) return claimNotFound(pod, key);
    if (isEphemeral(pod, key) && controllerOf(claim)?.uid !== pod.uid)
      return `PVC ${key} was not created for pod ${pod.namespace}/${pod.pod.metadata.name} (pod is not owner)`;
    const name = JSON.stringify(claim.metadata.name);
    if (claim.status?.phase === 'Lost')
      return `persistentvolumeclaim ${name} bound to non-existent persistentvolume ${JSON.stringify(claim.spec.volumeName ?? '')}`;
    if (claim.metadata.deletionTimestamp) return `persistentvolumeclaim ${name} is being deleted`;
    if (isBound(claim)) bound.push(claim);
    else if (!claim.spec.volumeName && waitsForConsumer(volumes.storageClass(classOf(claim))))
      delayed.push(claim);
    else immediate = true;
  }
  return immediate ? 'pod has unbound immediate PersistentVolumeClaims' : { bound, delayed };
}

export const isBound = ({ spec, metadata, status }: PersistentVolumeClaim): boolean =>
  !!spec.volumeName && (metadata.annotations?.[BIND_COMPLETED] !== undefined || status?.phase === 'Bound');

/** Does the volume's own rule on nodes allow the node? */
export function reachable({ spec }: PersistentVolume, node: NodeInfo): boolean {
  const required = spec.nodeAffinity?.required;
  return !required || matchesNodeSelector(required, node.node);
}

/** The older way to say it: zones in the volume's labels. Rule: upstream's VolumeZone. */
export const inZone = ({ metadata }: PersistentVolume, node: NodeInfo): boolean =>
  ZONES.every((key) => {
    const zones = metadata.labels?.[key];
    const own = node.labels[key];
    return zones === undefined || own === undefined || zones.split('__').includes(own);
  });

const ZONES = ['topology.kubernetes.io/zone', 'topology.kubernetes.io/region'];

/** Can a volume for such a claim be made for this node? Rule: `allowedTopologies`. */
export function canProvision(storageClass: StorageClass | undefined, node: NodeInfo): boolean {
  if (!storageClass?.provisioner || storageClass.provisioner === NO_PROVISIONER) return false;
  const terms = storageClass.allowedTopologies ?? [];
  return (
    terms.length === 0 ||
    terms.some(({ matchLabelExpressions = [] }) =>
      matchLabelExpressions.every(({ key, values }) => values.includes(node.labels[key] ?? '')),
    )
  );
}
