import { mkdir } from 'node:fs/promises';
import type { Pod, Volume } from '#proto/schema/generated/core-v1.ts';
import { VolumeError, type VolumeHost, type VolumePlugin, type VolumeRequest } from './volume.ts';

/** Pulls images where a policy asks for it, and mounts their file systems. */
export interface ImageMounts {
  /** Read-only, at a folder that exists. Rejects with a VolumeError that says why an image is not there. */
  mount(
    pod: Pod,
    wanted: { readonly image: string; readonly imagePullPolicy?: string | undefined },
    target: string,
  ): Promise<void>;
}

/** The file system of an image, read-only, as long as the pod lives. Rule: KEP-4639. */
export class ImagePlugin implements VolumePlugin {
  readonly name = 'image';
  readonly inMemory = false;
  readonly #host: VolumeHost;

  constructor(host: VolumeHost) {
    this.#host = host;
  }

  supports(volume: Volume): boolean {
    return volume.image !== undefined;
  }

  async setUp({ pod, volume, directory }: VolumeRequest): Promise<string> {
    const { reference = '', pullPolicy } = volume.image ?? {};
    if (reference === '') throw new VolumeError('the volume names no image');
    await mkdir(directory, { recursive: true });
    if (!(await this.#host.mounter.mountsBelow(directory)).includes(directory))
      await this.#host.images.mount(pod, { image: reference, imagePullPolicy: pullPolicy }, directory);
    return directory;
  }
}
