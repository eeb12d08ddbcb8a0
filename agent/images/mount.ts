import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { ImageMounts } from '#agent/volumes/image.ts';
import { VolumeError } from '#agent/volumes/volume.ts';
import type { Images } from './images.ts';

const run = promisify(execFile);

/**
 * File systems of images, mounted read-only by containerd's own `ctr`: the CRI of the containerd that Debian has knows no
 * image mounts. The snapshot behind a mount has no data of its own, and its lease ends within a day.
 */
export function createImageMounts(images: Images, socketPath: string): ImageMounts {
  const ctr = (...args: readonly string[]) =>
    run('ctr', ['--address', socketPath, '--namespace', 'k8s.io', ...args], { timeout: 60_000 });
  return {
    async mount(pod, wanted, target) {
      const result = await images.ensureImage(pod, wanted, () => {});
      if (!result.ok) throw new VolumeError(`${result.reason}: ${result.message}`);
      const mount = () => ctr('images', 'mount', result.image.id, target);
      await mount().catch(async (err: Error & { stderr?: string }) => {
        // Of a mount that a power cut ended: its snapshot is still there, under the same name.
        if (!err.stderr?.includes('already exists')) throw err;
        await ctr('snapshots', 'rm', target);
        await mount();
      });
    },
  };
}
