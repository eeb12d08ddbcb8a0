/**
 * Directories of this board that stand for volumes, below one folder that only root may enter: `<dataDir>/storage/<volume>`.
 * What the server asks for over its link; each is idempotent, and holds across a power cut: a volume is there whole or not at
 * all. Removed is what has first got another name, so that a half of it is never taken for a volume.
 */
import { chmod, mkdir, open, rename, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { badRequest, conflict, forbidden } from '#proto/meta/status-error.ts';
import type { Mounter } from './mounter.ts';
import { claimRecords } from './persistent-volume-claim.ts';

const RESOURCE = { group: '', resource: 'persistentvolumes' };
const NAME = /^pvc-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export interface LocalPathOptions {
  readonly dataDir: string;
  readonly mounter: Pick<Mounter, 'mountsBelow'>;
}

/** One request of the server: a query in, a JSON text out. Rejects with a StatusError or an error of the file system. */
export async function serveLocalPath(options: LocalPathOptions, query: string): Promise<string> {
  const request = new URLSearchParams(query);
  const volume = request.get('volume') ?? '';
  // The name becomes a path.
  if (!NAME.test(volume)) throw badRequest(`${JSON.stringify(volume)} is no name of a volume of this node`);
  switch (request.get('do')) {
    case 'make':
      return JSON.stringify({ path: await make(options, volume, Number(request.get('bytes'))) });
    case 'remove':
      await remove(options, volume, request.get('path') ?? '');
      return JSON.stringify({ removed: true });
    default:
      throw badRequest(`storage can not be asked to ${JSON.stringify(request.get('do'))}`);
  }
}

const folderOf = ({ dataDir }: LocalPathOptions): string => join(dataDir, 'storage');

async function make(options: LocalPathOptions, volume: string, bytes: number): Promise<string> {
  const folder = folderOf(options);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await chmod(folder, 0o700);
  const { blocks, bsize } = await statfs(folder);
  // Less may be free, and others share it: a size is no promise here. One that can never come true is refused.
  if (bytes > blocks * bsize)
    throw forbidden(
      RESOURCE,
      volume,
      `${bytes} bytes are asked for, and the file system of ${folder} has ${blocks * bsize}`,
    );
  const path = join(folder, volume);
  await mkdir(path, { recursive: true });
  // Whoever runs in the Pod may write; who is not in it does not get as far as here.
  await chmod(path, 0o777);
  await syncFolder(path);
  await syncFolder(folder);
  await syncFolder(options.dataDir);
  return path;
}

async function remove(options: LocalPathOptions, volume: string, path: string): Promise<void> {
  const folder = folderOf(options);
  const own = join(folder, volume);
  // A board whose data lives elsewhere by now must not say that it has removed anything.
  if (path !== '' && path !== own)
    throw forbidden(RESOURCE, volume, `${path} is not below ${folder} of this node`);
  const user = await podThatHas(options, own);
  if (user !== undefined)
    throw conflict(RESOURCE, volume, `${own} is still in use by pod ${user} of this node`);
  const mounted = await options.mounter.mountsBelow(own);
  if (mounted.length > 0) throw conflict(RESOURCE, volume, `${mounted[0]} is mounted`);
  const going = join(folder, `.removing-${volume}`);
  // From before a power cut, perhaps.
  await rm(going, { recursive: true, force: true });
  if (await exists(own)) {
    await rename(own, going);
    await syncFolder(folder);
    await rm(going, { recursive: true, force: true });
  }
  if (await exists(folder)) await syncFolder(folder);
}

/** The uid of a Pod on this board that has the directory. */
async function podThatHas({ dataDir }: LocalPathOptions, path: string): Promise<string | undefined> {
  const records = await claimRecords(join(dataDir, 'pods'));
  return records.find(([, { source }]) => source.path === path)?.[0];
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
