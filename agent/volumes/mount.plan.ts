/** What `mount` and its like are told. Pure. */
import { urlHost } from '#proto/net/host-port.ts';

export interface MountRequest {
  readonly type: string;
  readonly source: string;
  readonly target: string;
  readonly options: readonly string[];
}

export const mountArguments = ({ type, source, target, options }: MountRequest): readonly string[] => [
  ...['-t', type],
  ...(options.length > 0 ? ['-o', options.join(',')] : []),
  ...[source, target],
];

/** An export of an NFS server. An IPv6 address is told by brackets. Rule: nfs(5). */
export function nfsMount({ server, path, readOnly, mountOptions }: NfsExport, target: string): MountRequest {
  const options = [...(readOnly ? ['ro'] : []), ...mountOptions];
  return { type: 'nfs', source: `${urlHost(server)}:${path}`, target, options };
}

export interface NfsExport {
  readonly server: string;
  readonly path: string;
  readonly readOnly: boolean;
  readonly mountOptions: readonly string[];
}

/** What is known of a block device that is to hold files. */
export interface DeviceMount {
  readonly device: string;
  readonly target: string;
  /** `ext4` where the volume does not say. */
  readonly fsType: string;
  readonly readOnly: boolean;
  readonly mountOptions: readonly string[];
}

/** The lines of `blkid -p -o export`; empty where it found nothing on the device. */
export function contentOf(blkid: string): { readonly fsType?: string; readonly hasPartitions: boolean } {
  const value = (key: string): string | undefined => new RegExp(`^${key}=(.*)$`, 'm').exec(blkid)?.[1];
  const fsType = value('TYPE');
  return { ...(fsType ? { fsType } : {}), hasPartitions: value('PTTYPE') !== undefined };
}

export type DevicePlan = 'mount' | 'format' | { readonly refused: string };

/** Only an empty device is formatted, and only where it may be written: what is on it is somebody's data. */
export function planDevice({ device, fsType, readOnly }: DeviceMount, blkid: string): DevicePlan {
  const content = contentOf(blkid);
  if (content.fsType === fsType) return 'mount';
  if (content.fsType)
    return {
      refused: `failed to mount the volume as ${JSON.stringify(fsType)}, it already contains ${content.fsType}`,
    };
  if (content.hasPartitions)
    return {
      refused: `failed to mount the volume as ${JSON.stringify(fsType)}, it already contains unknown data, probably partitions`,
    };
  return readOnly
    ? { refused: `cannot mount unformatted disk ${device} as we are manipulating it in read-only mode` }
    : 'format';
}

export const formatArguments = ({ device, fsType }: DeviceMount): readonly string[] =>
  fsType.startsWith('ext') ? ['-F', '-m0', device] : [device];

export function deviceMount({ device, target, fsType, readOnly, mountOptions }: DeviceMount): MountRequest {
  const options = [readOnly ? 'ro' : 'rw', ...mountOptions];
  return { type: fsType, source: device, target, options };
}
