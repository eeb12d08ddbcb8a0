/**
 * The provisioner of directories on boards: which claims it serves, what their volumes look like, and when a directory is
 * removed. Rule: the contract of upstream's `sig-storage-lib-external-provisioner`.
 */
import { compareQuantities, quantityValue } from '#proto/meta/quantity.ts';
import type { Node, PersistentVolume, PersistentVolumeClaim } from '#proto/schema/generated/core-v1.ts';
import type { StorageClass } from '#proto/schema/generated/storage-v1.ts';
import { claimReference } from '#server/controllers/persistentvolume/binding.plan.ts';
import {
  PROVISIONED_BY,
  PROVISIONER_FINALIZER,
  SELECTED_NODE,
  STORAGE_PROVISIONER,
} from '#server/controllers/persistentvolume/storage-facts.ts';

export const LOCAL_PATH = 'coracle.dev/local-path';
export const HOSTNAME = 'kubernetes.io/hostname';

export type ProvisionStep =
  | { readonly type: 'make'; readonly node: Node; readonly volume: string; readonly bytes: number }
  /** Never: the message names the field. */
  | { readonly type: 'refuse'; readonly message: string }
  /** Not there: another node is to be chosen. */
  | { readonly type: 'reschedule'; readonly message: string };

export const volumeNameFor = ({ metadata }: PersistentVolumeClaim): string => `pvc-${metadata.uid}`;

/** Is the claim one that this provisioner is asked to serve now? */
export function isAsked(claim: PersistentVolumeClaim, storageClass: StorageClass | undefined): boolean {
  const { metadata, spec } = claim;
  return (
    storageClass?.provisioner === LOCAL_PATH &&
    metadata.annotations?.[STORAGE_PROVISIONER] === LOCAL_PATH &&
    !metadata.deletionTimestamp &&
    !spec.volumeName
  );
}

export function planProvision(
  claim: PersistentVolumeClaim,
  storageClass: StorageClass,
  node: (name: string) => Node | undefined,
): ProvisionStep {
  const refused = whyRefused(claim, storageClass);
  if (refused) return { type: 'refuse', message: refused };
  const name = claim.metadata.annotations?.[SELECTED_NODE];
  if (name === undefined) {
    const message =
      'volumeBindingMode: Immediate names no node, and a directory is on one: use WaitForFirstConsumer';
    return { type: 'refuse', message };
  }
  const found = node(name);
  if (!found) return { type: 'reschedule', message: `node ${JSON.stringify(name)} not found` };
  const ready = found.status?.conditions?.find(({ type }) => type === 'Ready');
  if (ready && ready.status !== 'True')
    return { type: 'reschedule', message: `node ${JSON.stringify(name)} is not ready` };
  const bytes = quantityValue(claim.spec.resources?.requests?.['storage']);
  return { type: 'make', node: found, volume: volumeNameFor(claim), bytes };
}

function whyRefused(
  { spec }: PersistentVolumeClaim,
  { parameters, mountOptions }: StorageClass,
): string | undefined {
  const modes = (spec.accessModes ?? []).filter(
    (mode) => mode !== 'ReadWriteOnce' && mode !== 'ReadWriteOncePod',
  );
  if (modes.length > 0)
    return `accessModes: ${modes.join(', ')}: a directory of one node is ReadWriteOnce or ReadWriteOncePod`;
  if (spec.volumeMode === 'Block') return 'volumeMode: Block is not supported: a directory is no device';
  if (spec.selector) return 'selector is not supported: a new volume has no labels to select';
  const source = spec.dataSourceRef ?? spec.dataSource;
  if (source) return `dataSource: ${source.kind} ${source.name} is not supported: a new volume is empty`;
  if (spec.volumeAttributesClassName) return 'volumeAttributesClassName is not supported';
  const [parameter] = Object.keys(parameters ?? {});
  if (parameter !== undefined) return `parameters.${parameter} of the StorageClass is not supported`;
  if (mountOptions?.length)
    return 'mountOptions of the StorageClass are not supported: a directory is not mounted';
  return undefined;
}

/** A volume that only its node reaches. The name of the node's own label counts, as the scheduler sees it. */
export function localVolume(
  claim: PersistentVolumeClaim,
  storageClass: StorageClass,
  node: Node,
  path: string,
): PersistentVolume {
  const policy = storageClass.reclaimPolicy ?? 'Delete';
  const hostname = node.metadata.labels?.[HOSTNAME] ?? node.metadata.name ?? '';
  const matchExpressions = [{ key: HOSTNAME, operator: 'In', values: [hostname] }];
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: {
      name: volumeNameFor(claim),
      annotations: { [PROVISIONED_BY]: LOCAL_PATH },
      ...(policy === 'Delete' ? { finalizers: [PROVISIONER_FINALIZER] } : {}),
    },
    spec: {
      capacity: { storage: claim.spec.resources?.requests?.['storage'] ?? '0' },
      accessModes: claim.spec.accessModes,
      claimRef: claimReference(claim),
      persistentVolumeReclaimPolicy: policy,
      storageClassName: storageClass.metadata.name,
      volumeMode: 'Filesystem',
      local: { path },
      nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions }] } },
    },
  };
}

/** The value of the hostname label that the volume's node has. */
export function hostnameOf({ spec }: PersistentVolume): string | undefined {
  const terms = spec.nodeAffinity?.required?.nodeSelectorTerms ?? [];
  return terms.flatMap(({ matchExpressions = [] }) => matchExpressions).find(({ key }) => key === HOSTNAME)
    ?.values?.[0];
}

export type VolumeEnd =
  /** The directory, then the finalizer, then the object. */
  | 'remove'
  /** The object may go, the directory stays. */
  | 'release'
  /** It is to be deleted one day: its object must not go before its directory. */
  | 'protect';

/** What a volume of this provisioner needs now. */
export function planVolumeEnd({ metadata, spec, status }: PersistentVolume): VolumeEnd | undefined {
  if (metadata.annotations?.[PROVISIONED_BY] !== LOCAL_PATH) return undefined;
  const held = metadata.finalizers?.includes(PROVISIONER_FINALIZER) ?? false;
  const isToGo = spec.persistentVolumeReclaimPolicy === 'Delete';
  if (isToGo && (status?.phase === 'Released' || status?.phase === 'Failed')) return 'remove';
  // Deleted before it was bound, so that nobody has ever had it: a claim is bound only after its volume says so.
  if (isToGo && metadata.deletionTimestamp && status?.phase !== 'Bound') return 'remove';
  if (!isToGo) return held ? 'release' : undefined;
  return held || metadata.deletionTimestamp ? undefined : 'protect';
}

/** Why a claim that has grown stays as it is; undefined where nothing is asked. */
export function whyNotExpanded(
  { metadata, spec, status }: PersistentVolumeClaim,
  volume: PersistentVolume | undefined,
): string | undefined {
  if (volume?.metadata.annotations?.[PROVISIONED_BY] !== LOCAL_PATH || metadata.deletionTimestamp)
    return undefined;
  const wanted = spec.resources?.requests?.['storage'];
  const has = status?.capacity?.['storage'];
  if (!wanted || !has || compareQuantities(wanted, has) <= 0) return undefined;
  return `${LOCAL_PATH} does not expand volumes: spec.resources.requests.storage ${wanted} stays at ${has}`;
}
