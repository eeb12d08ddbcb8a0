import { mkdir, realpath, stat } from 'node:fs/promises';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import type { BoundVolume, VolumeSource } from './bound-volume.plan.ts';
import type { Mounter } from './mounter.ts';
import { applyFsGroup } from './ownership.ts';
import { VolumeError } from './volume.ts';

/**
 * A `local` volume: a folder of the board as it is; a device whose files are mounted at `directory`, once for each Pod; or, in
 * block mode, the device itself. Resolves to the path that containers get. `first`: the Pod gets it for the first time.
 */
export async function setUpLocal(
  mounter: Mounter,
  { isBlock, readOnly }: BoundVolume,
  { path, fsType, mountOptions }: Extract<VolumeSource, { kind: 'local' }>,
  { pod, directory, first }: { readonly pod: Pod; readonly directory: string; readonly first: boolean },
): Promise<string> {
  const info = await stat(path).catch(() => undefined);
  if (!info) throw new VolumeError(`path ${JSON.stringify(path)} does not exist`);
  if (isBlock) {
    if (!info.isBlockDevice()) throw new VolumeError(`spec.local.path ${path} is not a block device`);
    return realpath(path);
  }
  if (info.isBlockDevice()) {
    if (!(await mounter.mountsBelow(directory)).includes(directory)) {
      await mkdir(directory, { recursive: true, mode: 0o750 });
      const device = await realpath(path);
      await mounter.mountDevice({ device, target: directory, fsType, readOnly, mountOptions });
    }
    if (first && !readOnly) await applyFsGroup(directory, pod);
    return directory;
  }
  if (!info.isDirectory()) throw new VolumeError(`path ${JSON.stringify(path)} is not a directory`);
  if (mountOptions.length > 0)
    throw new VolumeError('spec.mountOptions is not supported by a local folder: nothing is mounted');
  // The path may be a link; what it leads to is what the group gets.
  const folder = await realpath(path);
  if (first && !readOnly) await applyFsGroup(folder, pod);
  return folder;
}
