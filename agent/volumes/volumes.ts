import { mkdir, readdir, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Seal } from '#agent/link/seal.ts';
import type { Pod, Volume } from '#proto/schema/generated/core-v1.ts';
import { ConfigMapPlugin } from './config-map.ts';
import { DownwardApiPlugin } from './downward-api.ts';
import { EmptyDirPlugin } from './empty-dir.ts';
import type { PodFacts } from './facts.ts';
import { HostPathPlugin } from './host-path.ts';
import { ImagePlugin } from './image.ts';
import { NfsPlugin } from './nfs.ts';
import { PersistentVolumeClaimPlugin } from './persistent-volume-claim.ts';
import { ProjectedPlugin } from './projected.ts';
import { SecretPlugin } from './secret.ts';
import { bindSubPath } from './sub-path.ts';
import { TokenSource } from './tokens.ts';
import {
  type PreparedVolume,
  VolumeError,
  type VolumeHost,
  type VolumePlugin,
  type VolumeRequest,
} from './volume.ts';

export interface VolumesOptions extends VolumeHost {
  readonly dataDir: string;
  readonly memoryDir: string;
  /** For what the pods' tokens are kept in. */
  readonly seal: Pick<Seal, 'seal' | 'open'>;
}

const TMPFS_MAGIC = 0x01021994;

const NEVER = new AbortController().signal;

/**
 * The volumes of the board's pods: `<dataDir>/pods/<uid>/volumes/kubernetes.io~<type>/<name>`, and below `memoryDir`, a
 * tmpfs, for what is written from the cluster's objects. One tmpfs for all instead of one a volume: a mount costs a
 * board's CPU more than the files in it. Holds no state of its own, so an agent that starts anew goes on where the last ended.
 */
export class Volumes {
  readonly #dataDir: string;
  readonly #memoryDir: string;
  readonly #host: VolumeHost;
  readonly #plugins: readonly VolumePlugin[];

  constructor(options: VolumesOptions) {
    const { dataDir, memoryDir, seal, ...host } = options;
    this.#dataDir = dataDir;
    this.#memoryDir = memoryDir;
    this.#host = host;
    this.#plugins = [
      new EmptyDirPlugin(host),
      new HostPathPlugin(),
      new ConfigMapPlugin(host),
      new SecretPlugin(host),
      new DownwardApiPlugin(host),
      new ProjectedPlugin(host, new TokenSource(host.cluster, host.clock, seal)),
      new PersistentVolumeClaimPlugin(host),
      new NfsPlugin(host),
      new ImagePlugin(host),
    ];
  }

  /** To be called once, before any pod: secrets must not lie on the card. */
  async start(): Promise<void> {
    await mkdir(this.#memoryDir, { recursive: true, mode: 0o711 });
    if ((await statfs(this.#memoryDir)).type === TMPFS_MAGIC) return;
    await this.#host.mounter.mountTmpfs(this.#memoryDir, ['mode=0711']);
  }

  /**
   * Makes every volume of the pod, and gives what containers mount by the volume's name. Idempotent. Rejects with
   * upstream's words of the first that fails: `MountVolume.SetUp failed for volume "x" : configmap "y" not found`. The signal says
   * that the pod is to end.
   */
  async prepareVolumes(
    pod: Pod,
    facts: PodFacts,
    signal: AbortSignal = NEVER,
  ): Promise<ReadonlyMap<string, PreparedVolume>> {
    const prepared = new Map<string, PreparedVolume>();
    for (const volume of pod.spec.volumes ?? []) {
      prepared.set(volume.name, await this.#setUp(pod, volume, facts, signal));
    }
    return prepared;
  }

  /**
   * Brings what is written from the cluster's objects up to date: on changes of those, and now and then for tokens. Tries all;
   * rejects with the first error, with the volume left as it was.
   */
  async refreshVolumes(pod: Pod, facts: PodFacts): Promise<void> {
    const errors: unknown[] = [];
    for (const volume of pod.spec.volumes ?? []) {
      const plugin = this.#plugins.find((p) => p.supports(volume));
      if (!plugin?.refresh) continue;
      const request = this.#request(plugin, pod, volume, facts, NEVER);
      await plugin.refresh(request).catch((err: unknown) => errors.push(failed(volume, err)));
    }
    if (errors.length > 0) throw errors[0];
  }

  /**
   * The path to mount for `subPath` (already expanded) of a volume in a container, safe against symlinks that lead out
   * of the volume. `index` is the mount's place among the container's.
   */
  async prepareSubPath(
    pod: Pod,
    container: string,
    index: number,
    volume: { readonly name: string; readonly path: string },
    subPath: string,
  ): Promise<string> {
    const target = join(this.podDir(uidOf(pod)), 'volume-subpaths', volume.name, container, String(index));
    try {
      await bindSubPath(this.#host.mounter, volume.path, subPath, target);
      return target;
    } catch (err) {
      const why = err instanceof Error ? err.message : String(err);
      throw new VolumeError(
        `failed to prepare subPath for volumeMount "${volume.name}" of container "${container}": ${why}`,
        err,
      );
    }
  }

  /** Unmounts and removes all that was the pod's on this board. Idempotent. */
  async cleanupVolumes(uid: string): Promise<void> {
    checkUid(uid);
    for (const folder of [this.podDir(uid), this.#memoryDirOf(uid)]) {
      for (const point of await this.#host.mounter.mountsBelow(folder))
        await this.#host.mounter.unmount(point);
      // What is still mounted is somebody's data: it is never walked into.
      const left = await this.#host.mounter.mountsBelow(folder);
      if (left.length > 0)
        throw new VolumeError(`orphaned pod "${uid}" found, but ${left[0]} is still mounted`);
      await rm(folder, { recursive: true, force: true });
    }
  }

  /** Pods that have something on this board, wanted or not. */
  async podsOnDisk(): Promise<readonly string[]> {
    const found = new Set<string>();
    for (const root of [join(this.#dataDir, 'pods'), join(this.#memoryDir, 'pods')]) {
      for (const uid of await readdir(root).catch(() => [])) found.add(uid);
    }
    return [...found];
  }

  /** `<dataDir>/pods/<uid>`: `etc-hosts` and termination messages live here too. */
  podDir(uid: string): string {
    return join(this.#dataDir, 'pods', checkUid(uid));
  }

  #memoryDirOf(uid: string): string {
    return join(this.#memoryDir, 'pods', checkUid(uid));
  }

  async #setUp(pod: Pod, volume: Volume, facts: PodFacts, signal: AbortSignal): Promise<PreparedVolume> {
    const plugin = this.#plugins.find((p) => p.supports(volume));
    try {
      if (!plugin) {
        const type = Object.keys(volume).find((key) => key !== 'name') ?? 'none';
        throw new VolumeError(`no volume plugin matched: this node has none for ${type}`);
      }
      const prepared = await plugin.setUp(this.#request(plugin, pod, volume, facts, signal));
      return typeof prepared === 'string' ? { path: prepared } : prepared;
    } catch (err) {
      throw failed(volume, err);
    }
  }

  #request(
    plugin: VolumePlugin,
    pod: Pod,
    volume: Volume,
    facts: PodFacts,
    signal: AbortSignal,
  ): VolumeRequest {
    const podDir = this.podDir(uidOf(pod));
    const root = plugin.inMemory ? this.#memoryDirOf(uidOf(pod)) : podDir;
    const directory = join(root, 'volumes', `kubernetes.io~${plugin.name}`, volume.name);
    return { pod, volume, facts, podDir, directory, signal };
  }
}

function failed(volume: Volume, err: unknown): VolumeError {
  const why = err instanceof Error ? err.message : String(err);
  return new VolumeError(`MountVolume.SetUp failed for volume "${volume.name}" : ${why}`, err);
}

function uidOf(pod: Pod): string {
  return pod.metadata.uid ?? '';
}

/** A uid becomes a path: what is none must not lead elsewhere. */
function checkUid(uid: string): string {
  if (!/^[\w.-]+$/.test(uid) || /^\.+$/.test(uid)) throw new VolumeError(`"${uid}" is no pod uid`);
  return uid;
}
