/** What a claim is bound to, as this board is to mount it. Pure. */
import type { PersistentVolume, PersistentVolumeClaim } from '#proto/schema/generated/core-v1.ts';
import type { NfsExport } from './mount.plan.ts';

export type VolumeSource =
  | { readonly kind: 'hostPath'; readonly path: string; readonly type: string }
  | {
      readonly kind: 'local';
      readonly path: string;
      /** Where the path is a device that is to hold files. */
      readonly fsType: string;
      readonly mountOptions: readonly string[];
    }
  | ({ readonly kind: 'nfs' } & NfsExport);

/** Kept on the board: a bound claim does not move, and after a power cut the server may be away. */
export interface BoundVolume {
  /** Of the PersistentVolume. */
  readonly volume: string;
  readonly source: VolumeSource;
  readonly readOnly: boolean;
  /** `volumeMode: Block`: containers get the device itself. */
  readonly isBlock: boolean;
  /** One Pod at a time: `ReadWriteOncePod`. */
  readonly exclusive: boolean;
}

/** As a text: why this board can't mount it, with the field that says so. */
export function boundVolume(
  claim: PersistentVolumeClaim,
  volume: PersistentVolume,
  askedReadOnly: boolean,
): BoundVolume | string {
  const { name = '' } = volume.metadata;
  const modes = claim.spec.accessModes ?? [];
  const readOnly = askedReadOnly || (modes.length > 0 && modes.every((mode) => mode === 'ReadOnlyMany'));
  const isBlock = volume.spec.volumeMode === 'Block';
  const source = sourceOf(volume, readOnly);
  if (typeof source === 'string') return source;
  if (isBlock && source.kind !== 'local')
    return `spec.volumeMode: Block of volume ${JSON.stringify(name)} is not supported by ${source.kind}`;
  return { volume: name, source, readOnly, isBlock, exclusive: modes.includes('ReadWriteOncePod') };
}

function sourceOf({ metadata, spec }: PersistentVolume, readOnly: boolean): VolumeSource | string {
  const { hostPath, local, nfs, mountOptions = [] } = spec;
  if (nfs) {
    const { server, path, readOnly: always = false } = nfs;
    return { kind: 'nfs', server, path, readOnly: readOnly || always, mountOptions };
  }
  if (local) return { kind: 'local', path: local.path, fsType: local.fsType || 'ext4', mountOptions };
  if (hostPath) {
    if (mountOptions.length > 0) return 'spec.mountOptions is not supported by hostPath: nothing is mounted';
    return { kind: 'hostPath', path: hostPath.path, type: hostPath.type ?? '' };
  }
  const type = Object.keys(spec).find((key) => !KNOWN.has(key)) ?? 'none';
  return `failed to get Plugin from volumeSpec for volume ${JSON.stringify(metadata.name)} err=no volume plugin matched: this node has none for spec.${type}`;
}

/** Fields of a volume's spec that are no source of it. */
const KNOWN = new Set([
  'accessModes',
  'capacity',
  'claimRef',
  'mountOptions',
  'nodeAffinity',
  'persistentVolumeReclaimPolicy',
  'storageClassName',
  'volumeAttributesClassName',
  'volumeMode',
]);
