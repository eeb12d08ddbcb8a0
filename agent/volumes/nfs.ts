import { mkdir } from 'node:fs/promises';
import type { Volume } from '#proto/schema/generated/core-v1.ts';
import { type NfsExport, nfsMount } from './mount.plan.ts';
import type { Mounter } from './mounter.ts';
import { VolumeError, type VolumeHost, type VolumePlugin, type VolumeRequest } from './volume.ts';

/** An export of an NFS server, mounted once for each Pod. The board needs `mount.nfs`, of Debian's nfs-common. */
export class NfsPlugin implements VolumePlugin {
  readonly name = 'nfs';
  readonly inMemory = false;
  readonly #host: VolumeHost;

  constructor(host: VolumeHost) {
    this.#host = host;
  }

  supports(volume: Volume): boolean {
    return volume.nfs !== undefined;
  }

  async setUp({ volume, directory }: VolumeRequest): Promise<{ path: string; readOnly: boolean }> {
    const { server = '', path = '', readOnly = false } = volume.nfs ?? {};
    await mountNfs(this.#host.mounter, { server, path, readOnly, mountOptions: [] }, directory);
    return { path: directory, readOnly };
  }
}

/** Idempotent. Nothing looks into the folder once it is mounted: a server that is away would hold whoever does. */
export async function mountNfs(mounter: Mounter, from: NfsExport, directory: string): Promise<void> {
  if ((await mounter.mountsBelow(directory)).includes(directory)) return;
  await mkdir(directory, { recursive: true, mode: 0o750 });
  try {
    await mounter.mount(nfsMount(from, directory));
  } catch (err) {
    const why = err instanceof Error ? err.message : String(err);
    const hint = /bad option|unknown filesystem|helper program/.test(why)
      ? ' (is nfs-common installed?)'
      : '';
    throw new VolumeError(`${why}${hint}`, err);
  }
}
