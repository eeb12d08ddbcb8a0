import { chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Volume } from '#proto/schema/generated/core-v1.ts';
import { memorySize } from './memory-size.plan.ts';
import { applyFsGroup } from './ownership.ts';
import { VolumeError, type VolumeHost, type VolumePlugin, type VolumeRequest } from './volume.ts';

/** A folder that lives as long as the pod: on the card, or in memory. */
export class EmptyDirPlugin implements VolumePlugin {
  readonly name = 'empty-dir';
  readonly inMemory = false;
  readonly #host: VolumeHost;

  constructor(host: VolumeHost) {
    this.#host = host;
  }

  supports(volume: Volume): boolean {
    return volume.emptyDir !== undefined;
  }

  async setUp({ pod, volume, facts, podDir, directory }: VolumeRequest): Promise<string> {
    const { medium, sizeLimit } = volume.emptyDir ?? {};
    if (medium && medium !== 'Memory') throw new VolumeError(`unknown storage medium "${medium}"`);
    // Once ready it is the pod's own: what the pod did to its root stays, across restarts of the agent too.
    const created = await mkdir(directory, { recursive: true, mode: 0o777 });
    const mounted =
      medium === 'Memory' && (await this.#host.mounter.mountsBelow(directory)).includes(directory);
    if (medium === 'Memory' && !mounted) {
      const size = memorySize(pod, sizeLimit, facts.allocatable['memory']);
      await this.#host.mounter.mountTmpfs(directory, ['mode=1777', ...(size > 0 ? [`size=${size}`] : [])]);
    }
    const ready = join(podDir, 'plugins', `kubernetes.io~${this.name}`, volume.name, 'ready');
    const first = await mkdir(ready, { recursive: true });
    if (created !== undefined || first !== undefined || (medium === 'Memory' && !mounted)) {
      // In memory it is as a tmpfs is elsewhere: nobody takes away what is another's.
      if (medium !== 'Memory') await chmod(directory, 0o777);
      await applyFsGroup(directory, pod);
    }
    return directory;
  }
}
