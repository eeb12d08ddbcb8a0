import { mkdir } from 'node:fs/promises';
import type { Volume } from '#proto/schema/generated/core-v1.ts';
import { type NfsExport, nfsMount } from './mount.plan.ts';
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

  async setUp({ volume, directory, signal }: VolumeRequest): Promise<{ path: string; readOnly: boolean }> {
    const { server = '', path = '', readOnly = false } = volume.nfs ?? {};
    await mountNfs(this.#host, { server, path, readOnly, mountOptions: [] }, directory, signal);
    return { path: directory, readOnly };
  }
}

/** So long may a mount take. `mount` gives up by itself after two minutes, but not where a server takes the call and is silent. */
const LIMIT_MS = 123_000;

/**
 * Idempotent. Nothing looks into the folder once it is mounted: a server that is away would hold whoever does. Gives up when the
 * signal says so, and in the time that upstream has for a Pod's volumes (`podAttachAndMountTimeout`).
 */
export async function mountNfs(
  { mounter, clock }: Pick<VolumeHost, 'mounter' | 'clock'>,
  from: NfsExport,
  directory: string,
  signal: AbortSignal,
): Promise<void> {
  if ((await mounter.mountsBelow(directory)).includes(directory)) return;
  await mkdir(directory, { recursive: true, mode: 0o750 });
  const late = new AbortController();
  const done = new AbortController();
  clock.sleep(LIMIT_MS, done.signal).then(
    () =>
      late.abort(
        new Error(`mount failed: timed out after 2m3s: does ${from.server} answer at its port of NFS?`),
      ),
    () => {},
  );
  try {
    await mounter.mount(nfsMount(from, directory), AbortSignal.any([signal, late.signal]));
  } catch (err) {
    signal.throwIfAborted();
    const why = err instanceof Error ? err.message : String(err);
    const hint = /bad option|unknown filesystem|helper program/.test(why)
      ? ' (is nfs-common installed?)'
      : '';
    throw new VolumeError(`${why}${hint}`, err);
  } finally {
    done.abort();
  }
}
