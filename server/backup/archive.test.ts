import { buffer } from 'node:stream/consumers';
import { gunzipSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type BackupContents, BackupError, type BackupItem, readArchive, writeArchive } from './archive.ts';
import { backupName, outdated } from './contents.ts';
import { seal, unseal } from './seal.ts';

const header = {
  format: 'coracle-backup',
  version: 1,
  createdAt: '2026-11-29T03:00:00Z',
  coracle: '0.1.0',
  kubernetes: 'v1.36.0',
  server: 'pi',
  caHash: 'sha256:00',
  revision: 42,
} as const;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const contents: BackupContents = {
  header,
  files: [{ file: 'ca.key', mode: 0o600, text: 'secret\n' }],
  objects: [
    { key: '/pods/a', revision: 7, bytes: bytes('{"n":1.0,"2":"b","1":"a","big":9007199254740993}') },
    { key: '/pods/"ü', revision: 8, bytes: bytes('{"text":"ü\\n"}') },
  ],
};
async function* once(...chunks: Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}
const written = (): Promise<Buffer> => buffer(writeArchive(contents));
async function read(archive: Uint8Array): Promise<BackupItem[]> {
  const items: BackupItem[] = [];
  for await (const item of readArchive(once(archive))) items.push(item);
  return items;
}
const altered = async (change: (text: string) => string): Promise<Uint8Array> =>
  gzipSync(change(gunzipSync(await written()).toString()));

describe('an archive', () => {
  it('gives back every byte of every object', async () => {
    const [first, file, ...objects] = await read(await written());
    expect(first).toEqual({ type: 'header', header });
    expect(file).toEqual({ type: 'file', ...contents.files[0] });
    expect(objects).toEqual([...contents.objects].map((object) => ({ type: 'object', ...object })));
  });

  it.each<[string, (text: string) => string, RegExp]>([
    ['a changed object', (t) => t.replace('"a"', '"c"'), /checksum does not fit/],
    ['an object less', (t) => t.replace(/\{"key":"\/pods\/a".*\n/, ''), /checksum does not fit/],
    ['two objects in another order', (t) => t.replace(/^(.*pods\/a.*)\n(.*)$/m, '$2\n$1'), /checksum/],
    ['a missing end', (t) => t.replace(/\{"end".*\n/, ''), /last line is missing/],
    ['half of its last line', (t) => t.slice(0, -10), /middle of a line/],
    ['more after its end', (t) => `${t}{"key":"x","revision":1,"object":{}}\n`, /goes on after its end/],
    ['a line of something else', (t) => t.replace('{"key"', '{"kay"'), /neither file nor object/],
    ['a line that is no JSON', (t) => t.replace('{"key"', '{key'), /no JSON object/],
    ['a file elsewhere', (t) => t.replace('ca.key', '../../etc/passwd'), /names a file/],
    ['another format', (t) => t.replace('coracle-backup', 'other'), /no backup of Coracle/],
    ['a later format', (t) => t.replace('"version":1', '"version":2'), /a newer Coracle/],
  ])('is refused with %s', async (_what, change, message) => {
    await expect(read(await altered(change))).rejects.toThrow(message);
  });

  it('is refused with any bit flipped and any part cut off', async () => {
    const archive = await written();
    await fc.assert(
      fc.asyncProperty(fc.nat(archive.length * 8 - 1), fc.boolean(), async (bit, cut) => {
        const damaged = Buffer.from(cut ? archive.subarray(0, bit >> 3) : archive);
        if (!cut) damaged.writeUInt8(damaged.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
        // The first ten bytes of gzip say when and where, which nobody checks: what is read is whole all the same.
        const result = await read(damaged).catch((err: unknown) => err);
        if (!(result instanceof BackupError)) expect(result).toEqual(await read(archive));
        if (cut) expect(result).toBeInstanceOf(BackupError);
      }),
      { seed: 8, numRuns: 300 },
    );
  });
});

describe('a seal', () => {
  const sealed = (): Promise<Buffer> => buffer(seal(once(bytes('one '), bytes('two')), 'pass'));
  const opened = async (data: Uint8Array, passphrase?: string): Promise<string> => {
    const pieces = Array.from(data, (_, at) => data.subarray(at, at + 1));
    return (await buffer(unseal(once(...pieces), passphrase))).toString();
  };

  it('opens with the passphrase that it was made with, and no other', async () => {
    expect(await opened(await sealed(), 'pass')).toBe('one two');
    await expect(opened(await sealed(), 'other')).rejects.toThrow(/passphrase is wrong/);
    await expect(opened(await sealed())).rejects.toThrow(/--passphrase-file/);
    await expect(opened((await sealed()).subarray(0, -1), 'pass')).rejects.toThrow(BackupError);
    expect((await sealed()).includes('one')).toBe(false);
  });

  it('lets pass what is not sealed', async () => {
    expect(await opened(bytes('x'))).toBe('x');
    const plain = 'a backup that is longer than the head of a sealed one, and not sealed at all';
    expect(await opened(bytes(plain), 'pass')).toBe(plain);
  });
});

it('keeps the newest of one server', () => {
  const day = (n: number): string => backupName('pi', Date.UTC(2026, 10, n));
  expect(day(2)).toBe('coracle-pi-20261102T000000Z.backup');
  const others = ['notes.txt', backupName('pi-2', 0), 'coracle-pi-mine.backup'];
  expect(outdated([day(3), ...others, day(1), day(2)], 'pi', 2)).toEqual([day(1)]);
  expect(outdated([day(1)], 'pi', 2)).toEqual([]);
});
