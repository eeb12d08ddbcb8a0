import { chmod, mkdir, open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Volume } from '#proto/schema/generated/core-v1.ts';
import { VolumeError, type VolumePlugin, type VolumeRequest } from './volume.ts';

/** A path of the board, as it is. */
export class HostPathPlugin implements VolumePlugin {
  readonly name = 'host-path';
  readonly inMemory = false;

  supports(volume: Volume): boolean {
    return volume.hostPath !== undefined;
  }

  async setUp({ volume }: VolumeRequest): Promise<string> {
    const { path = '', type = '' } = volume.hostPath ?? {};
    await checkHostPath(path, type);
    return path;
  }
}

/** Makes what `…OrCreate` asks for, and refuses what is something else. Rule: upstream's `pkg/volume/hostpath`. */
export async function checkHostPath(path: string, type: string): Promise<void> {
  if (path.split('/').includes('..')) throw new VolumeError(`path ${path} must not contain '..'`);
  const info = await stat(path).catch((err: NodeJS.ErrnoException) => {
    if (err.code === 'ENOENT' || err.code === 'ENOTDIR') return undefined;
    throw err;
  });
  const fail = (what: string): VolumeError =>
    new VolumeError(`hostPath type check failed: ${path} is not ${what}`);
  switch (type) {
    case '':
      return;
    case 'DirectoryOrCreate':
      if (!info) {
        await mkdir(path, { recursive: true });
        return chmod(path, 0o755);
      }
      if (!info.isDirectory()) throw fail('a directory');
      return;
    case 'Directory':
      if (!info?.isDirectory()) throw fail('a directory');
      return;
    case 'FileOrCreate':
      if (!info) {
        await mkdir(dirname(path), { recursive: true });
        const file = await open(path, 'a', 0o644);
        return file.close();
      }
      if (!info.isFile()) throw fail('a file');
      return;
    case 'File':
      if (!info?.isFile()) throw fail('a file');
      return;
    case 'Socket':
      if (!info?.isSocket()) throw fail('a socket file');
      return;
    case 'CharDevice':
      if (!info?.isCharacterDevice()) throw fail('a character device');
      return;
    case 'BlockDevice':
      if (!info?.isBlockDevice()) throw fail('a block device');
      return;
    default:
      throw new VolumeError(`${type} is an invalid volume type`);
  }
}
