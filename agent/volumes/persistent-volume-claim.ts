import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { writeFileAtomic } from '#proto/meta/atomic-file.ts';
import type {
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  Volume,
} from '#proto/schema/generated/core-v1.ts';
import { type BoundVolume, boundVolume } from './bound-volume.plan.ts';
import { checkHostPath } from './host-path.ts';
import { setUpLocal } from './local.ts';
import { mountNfs } from './nfs.ts';
import { fsGroupOf } from './ownership.ts';
import {
  type PreparedVolume,
  VolumeError,
  type VolumeHost,
  type VolumePlugin,
  type VolumeRequest,
} from './volume.ts';

/** Below a Pod's folder: what its claims are bound to, a file each. */
export const CLAIM_RECORDS = 'plugins/kubernetes.io~persistent-volume-claim';

/**
 * A claim, or one that was made for the Pod (`ephemeral`), that is bound to a volume which this board can mount. What it is
 * bound to is kept in the Pod's folder, on the disk before anything is mounted: a bound claim does not move, and after a power
 * cut the server may be away.
 */
export class PersistentVolumeClaimPlugin implements VolumePlugin {
  readonly name = 'persistent-volume-claim';
  readonly inMemory = false;
  readonly #host: VolumeHost;

  constructor(host: VolumeHost) {
    this.#host = host;
  }

  supports(volume: Volume): boolean {
    return volume.persistentVolumeClaim !== undefined || volume.ephemeral !== undefined;
  }

  async setUp({ pod, volume, podDir, directory, signal }: VolumeRequest): Promise<PreparedVolume> {
    const record = join(podDir, CLAIM_RECORDS, `${volume.name}.json`);
    const known = await readRecord(record);
    const bound = known?.bound ?? (await this.#resolve(pod, volume));
    if (bound.exclusive) await refuseSecond(podDir, bound);
    // Before it is mounted: a directory that a Pod has is not removed under it.
    const owned = known?.owned ?? (bound.source.kind !== 'local' || fsGroupOf(pod) === undefined);
    if (!known) writeRecord(record, { bound, owned });
    const path = await this.#mount(bound, { pod, directory, first: !owned, signal });
    if (!owned) writeRecord(record, { bound, owned: true });
    const { readOnly, isBlock } = bound;
    return { path, readOnly, isBlock };
  }

  async #mount(
    bound: BoundVolume,
    how: {
      readonly pod: Pod;
      readonly directory: string;
      readonly first: boolean;
      readonly signal: AbortSignal;
    },
  ): Promise<string> {
    const { source } = bound;
    switch (source.kind) {
      case 'hostPath':
        await checkHostPath(source.path, source.type);
        return source.path;
      case 'local':
        return setUpLocal(this.#host.mounter, bound, source, how);
      case 'nfs':
        await mountNfs(this.#host, source, how.directory, how.signal);
        return how.directory;
    }
  }

  async #resolve(pod: Pod, volume: Volume): Promise<BoundVolume> {
    const { namespace = '' } = pod.metadata;
    const name = volume.persistentVolumeClaim?.claimName ?? `${pod.metadata.name}-${volume.name}`;
    const claim = await this.#get<PersistentVolumeClaim>(
      `/api/v1/namespaces/${namespace}/persistentvolumeclaims/${name}`,
      `error processing PVC ${namespace}/${name}: failed to fetch PVC from API server`,
    );
    if (volume.ephemeral && !isMadeFor(pod, claim))
      throw new VolumeError(
        `error processing PVC ${namespace}/${name}: PVC ${namespace}/${name} was not created for pod ${namespace}/${pod.metadata.name} (pod is not owner)`,
      );
    const bound = claim.spec?.volumeName;
    if (!bound || claim.status?.phase !== 'Bound') {
      throw new VolumeError(`error processing PVC ${namespace}/${name}: PVC is not bound`);
    }
    const found = await this.#get<PersistentVolume>(
      `/api/v1/persistentvolumes/${bound}`,
      `failed to fetch PV ${bound} from API server`,
    );
    const source = boundVolume(claim, found, volume.persistentVolumeClaim?.readOnly ?? false);
    if (typeof source === 'string') throw new VolumeError(source);
    return source;
  }

  async #get<T>(path: string, what: string): Promise<T> {
    try {
      return await this.#host.cluster.api<T>('GET', path);
    } catch (err) {
      throw new VolumeError(`${what}: ${err instanceof Error ? err.message : String(err)}`, err);
    }
  }
}

const isMadeFor = (pod: Pod, claim: PersistentVolumeClaim): boolean =>
  claim.metadata.ownerReferences?.some(({ controller, uid }) => controller && uid === pod.metadata.uid) ??
  false;

interface ClaimRecord {
  readonly bound: BoundVolume;
  /** False: its files are still to be given to the Pod's group. */
  readonly owned: boolean;
}

const writeRecord = (path: string, record: ClaimRecord): void =>
  writeFileAtomic(path, JSON.stringify(record));

async function readRecord(path: string): Promise<ClaimRecord | undefined> {
  try {
    const read = JSON.parse(await readFile(path, 'utf8')) as ClaimRecord;
    return typeof read.bound?.volume === 'string' ? read : undefined;
  } catch {
    return undefined;
  }
}

/** What the Pods of this board have, by their uid. */
export async function claimRecords(podsDir: string): Promise<readonly (readonly [string, BoundVolume])[]> {
  const found: [string, BoundVolume][] = [];
  for (const uid of await readdir(podsDir).catch(() => [])) {
    const records = join(podsDir, uid, CLAIM_RECORDS);
    for (const file of await readdir(records).catch(() => [])) {
      const record = file.endsWith('.json') ? await readRecord(join(records, file)) : undefined;
      if (record) found.push([uid, record.bound]);
    }
  }
  return found;
}

/** The scheduler sees to it as well; a Pod that names its node passes it by. */
async function refuseSecond(podDir: string, { volume }: BoundVolume): Promise<void> {
  const podsDir = dirname(podDir);
  const others = (await claimRecords(podsDir)).filter(([uid]) => join(podsDir, uid) !== podDir);
  if (others.some(([, bound]) => bound.volume === volume))
    throw new VolumeError(
      'volume uses the ReadWriteOncePod access mode and is already in use by another pod',
    );
}
