import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { FakeClock } from '#proto/meta/clock.ts';
import { silent } from '#proto/meta/log.ts';
import { openStore } from '#server/store/open.ts';
import type { Store } from '#server/store/store.ts';
import { BackupError, writeArchive } from './archive.ts';
import { backupContents } from './contents.ts';
import { restoreBackup } from './restore.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'restore-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const open = (name: string): Promise<Store> =>
  openStore({ directory: join(directory, name, 'server', 'store'), clock: new FakeClock(), log: silent });
const put = (store: Store, key: string, text: string) =>
  store.put({ key, encode: () => new TextEncoder().encode(JSON.stringify({ text })), durability: 'synced' });
async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
const restore = (archive: Uint8Array, name: string, force = false) =>
  restoreBackup({ archive: once(archive), dataDir: join(directory, name), force, log: silent });

async function archiveOf(objects: Readonly<Record<string, string>>): Promise<Buffer> {
  const store = await open('old');
  for (const [key, text] of Object.entries(objects)) await put(store, key, text);
  const pkiDirectory = mkdtempSync(join(directory, 'pki-'));
  writeFileSync(join(pkiDirectory, 'ca.key'), 'key\n', { mode: 0o600 });
  writeFileSync(join(pkiDirectory, 'ca.crt'), 'cert\n', { mode: 0o600 });
  const source = { store, pkiDirectory, caHash: 'sha256:1', nodeName: 'pi', now: () => 0 };
  const archive = await buffer(writeArchive(backupContents(source)));
  await store.close();
  return archive;
}

it('gives another server the same objects at the same revisions, and newer ones from then on', async () => {
  const objects = Object.fromEntries(Array.from({ length: 1200 }, (_, n) => [`/o/${n}`, `text ${n}`]));
  const archive = await archiveOf(objects);
  const restored = await restore(archive, 'new');
  expect(restored).toMatchObject({ objects: 1200, files: 2, aside: undefined, header: { server: 'pi' } });
  const key = join(directory, 'new', 'server', 'pki', 'ca.key');
  expect(readFileSync(key, 'utf8')).toBe('key\n');
  expect(statSync(key).mode & 0o777).toBe(0o600);

  const [old, now] = [await open('old'), await open('new')];
  const state = (store: Store) =>
    store.range({ prefix: '' }).entries.map(({ key: k, revision, object }) => ({ k, revision, object }));
  expect(state(now)).toEqual(state(old));
  const written = await put(now, '/o/more', 'x');
  expect(written.revision).toBeGreaterThan(old.revision + 100_000);
  await Promise.all([old.close(), now.close()]);
});

it('leaves a cluster that is there, and with force puts it aside', async () => {
  const archive = await archiveOf({ '/a': 'backup' });
  const there = await open('new');
  await put(there, '/a', 'there');
  await expect(restore(archive, 'new', true)).rejects.toThrow(/in use by another coracle server/);
  await there.close();
  await expect(restore(archive, 'new')).rejects.toThrow(/has a cluster already/);
  const { aside } = await restore(archive, 'new', true);
  expect(aside).toBe(join(directory, 'new', 'server.before-restore-1'));
  const store = await open('new');
  expect(store.get('/a')?.object).toEqual({ text: 'backup' });
  await store.close();
  expect(existsSync(join(aside ?? '', 'store', 'leveldb'))).toBe(true);
});

it('changes nothing with a backup that is damaged', async () => {
  const archive = await archiveOf({ '/a': 'backup' });
  const there = await open('new');
  await put(there, '/a', 'there');
  await there.close();
  await expect(restore(archive.subarray(0, -12), 'new', true)).rejects.toThrow(BackupError);
  expect(readdirSync(join(directory, 'new'))).toEqual(['server']);
  const store = await open('new');
  expect(store.get('/a')?.object).toEqual({ text: 'there' });
  await store.close();
});
