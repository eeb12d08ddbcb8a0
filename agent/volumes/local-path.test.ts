import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { serveLocalPath } from './local-path.ts';
import { FakeMounter } from './mounter.ts';
import { CLAIM_RECORDS } from './persistent-volume-claim.ts';

const NAME = 'pvc-0b2f54a6-8b1c-4c83-9f0e-1d9f9a4f2c11';
let dataDir: string;
let mounter: FakeMounter;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'coracle-local-path-'));
  mounter = new FakeMounter();
});
afterEach(() => rm(dataDir, { recursive: true, force: true }));

const ask = (query: Record<string, string>): Promise<string> =>
  serveLocalPath({ dataDir, mounter }, new URLSearchParams({ volume: NAME, ...query }).toString());
const path = (): string => join(dataDir, 'storage', NAME);
const modeOf = async (of: string): Promise<number> => (await stat(of)).mode & 0o7777;

it('makes a directory that any user of a Pod may write, in a folder that nobody else may enter', async () => {
  expect(JSON.parse(await ask({ do: 'make', bytes: '1000' }))).toEqual({ path: path() });
  expect(await modeOf(join(dataDir, 'storage'))).toBe(0o700);
  expect(await modeOf(path())).toBe(0o777);
  await writeFile(join(path(), 'kept'), 'x');
  await ask({ do: 'make', bytes: '1000' });
  expect(await readdir(path())).toEqual(['kept']);
});

it('removes it with all that is in it, also what a power cut has left of it', async () => {
  await ask({ do: 'make', bytes: '1' });
  await mkdir(join(path(), 'a/b'), { recursive: true });
  await mkdir(join(dataDir, 'storage', `.removing-${NAME}`, 'old'), { recursive: true });
  const remove = () => ask({ do: 'remove', path: path() });
  expect(JSON.parse(await remove())).toEqual({ removed: true });
  expect(await readdir(join(dataDir, 'storage'))).toEqual([]);
  await mkdir(join(dataDir, 'storage', `.removing-${NAME}`, 'old'), { recursive: true });
  await remove();
  expect(await readdir(join(dataDir, 'storage'))).toEqual([]);
});

it('removes nothing that a Pod has, that is mounted, or that lies elsewhere', async () => {
  await ask({ do: 'make', bytes: '1' });
  const remove = (at = path()) => ask({ do: 'remove', path: at });
  const records = join(dataDir, 'pods/uid-1', CLAIM_RECORDS);
  await mkdir(records, { recursive: true });
  await writeFile(
    join(records, 'data.json'),
    JSON.stringify({ bound: { volume: NAME, source: { kind: 'local', path: path() } } }),
  );
  await expect(remove()).rejects.toThrow(`${path()} is still in use by pod uid-1 of this node`);
  await rm(join(dataDir, 'pods'), { recursive: true });
  mounter.mounts.set(join(path(), 'inner'), 'tmpfs');
  await expect(remove()).rejects.toThrow('inner is mounted');
  mounter.mounts.clear();
  await expect(remove('/mnt/old/storage')).rejects.toThrow('/mnt/old/storage is not below');
  expect(await modeOf(path())).toBe(0o777);
});

it.each<[Record<string, string>, string]>([
  [{ do: 'make', volume: '../etc' }, '"../etc" is no name of a volume'],
  [{ do: 'make', volume: `${NAME}/..` }, 'is no name of a volume'],
  [{ do: 'remove', volume: '' }, '"" is no name of a volume'],
  [{ do: 'format' }, 'storage can not be asked to "format"'],
  [{ do: 'make', bytes: '1e24' }, '1e+24 bytes are asked for, and the file system of'],
])('refuses %j', async (query, why) => {
  await expect(ask(query)).rejects.toThrow(why);
});
