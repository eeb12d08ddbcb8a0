import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PersistentVolume, PersistentVolumeClaim, Volume } from '#proto/schema/generated/core-v1.ts';
import { checkHostPath } from './host-path.ts';
import { applyFsGroup } from './ownership.ts';
import { VolumeError, type VolumeHost, type VolumePlugin, type VolumeRequest } from './volume.ts';

/** Below a Pod's folder: what its claims are bound to, a file each. */
export const CLAIM_RECORDS = 'plugins/kubernetes.io~persistent-volume-claim';

/**
 * A claim that is bound to a path of this board (`hostPath` and `local` volumes). Which path is kept in the pod's folder: a
 * bound claim does not move, and after a power cut the server may be away.
 */
export class PersistentVolumeClaimPlugin implements VolumePlugin {
  readonly name = 'persistent-volume-claim';
  readonly inMemory = false;
  readonly #host: VolumeHost;

  constructor(host: VolumeHost) {
    this.#host = host;
  }

  supports(volume: Volume): boolean {
    return volume.persistentVolumeClaim !== undefined;
  }

  async setUp({ pod, volume, podDir }: VolumeRequest): Promise<string> {
    const folder = join(podDir, CLAIM_RECORDS);
    const record = join(folder, `${volume.name}.json`);
    const known = await readFile(record, 'utf8').catch(() => undefined);
    const source = known ? parse(known) : undefined;
    const found = source ?? (await this.#resolve(pod.metadata.namespace ?? '', volume));
    await check(found);
    if (!source) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await writeFile(`${record}.new`, JSON.stringify(found));
      await rename(`${record}.new`, record);
      if (found.kind === 'local') await applyFsGroup(found.path, pod);
    }
    return found.path;
  }

  async #resolve(namespace: string, volume: Volume): Promise<Source> {
    const name = volume.persistentVolumeClaim?.claimName ?? '';
    const claim = await this.#get<PersistentVolumeClaim>(
      `/api/v1/namespaces/${namespace}/persistentvolumeclaims/${name}`,
      `error processing PVC ${namespace}/${name}: failed to fetch PVC from API server`,
    );
    const bound = claim.spec?.volumeName;
    if (!bound || claim.status?.phase !== 'Bound') {
      throw new VolumeError(`error processing PVC ${namespace}/${name}: PVC is not bound`);
    }
    const pv = await this.#get<PersistentVolume>(
      `/api/v1/persistentvolumes/${bound}`,
      `failed to fetch PV ${bound} from API server`,
    );
    if (pv.spec?.hostPath)
      return { kind: 'hostPath', path: pv.spec.hostPath.path, type: pv.spec.hostPath.type ?? '' };
    if (pv.spec?.local) return { kind: 'local', path: pv.spec.local.path, type: '' };
    throw new VolumeError(
      `failed to get Plugin from volumeSpec for volume "${bound}" err=no volume plugin matched`,
    );
  }

  async #get<T>(path: string, what: string): Promise<T> {
    try {
      return await this.#host.cluster.api<T>('GET', path);
    } catch (err) {
      throw new VolumeError(`${what}: ${err instanceof Error ? err.message : String(err)}`, err);
    }
  }
}

interface Source {
  readonly kind: 'hostPath' | 'local';
  readonly path: string;
  readonly type: string;
}

function parse(text: string): Source | undefined {
  try {
    const read = JSON.parse(text) as Source;
    return typeof read.path === 'string' ? read : undefined;
  } catch {
    return undefined;
  }
}

async function check({ kind, path, type }: Source): Promise<void> {
  if (kind === 'hostPath') return checkHostPath(path, type);
  const info = await stat(path).catch(() => undefined);
  if (!info) throw new VolumeError(`path "${path}" does not exist`);
}
