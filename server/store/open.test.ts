import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeClock } from '#proto/meta/clock.ts';
import { createLogger, silent } from '#proto/meta/log.ts';
import { openStore } from '#server/store/open.ts';
import { aWrite, storedValue } from '#server/store/store.case.ts';
import { Compacted, type Store } from '#server/store/store.ts';
import { StoreCorrupted, StoreLocked } from '#server/store/store-error.ts';

describe('openStore', () => {
  let directory: string;
  let clock: FakeClock;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'coracle-open-'));
    clock = new FakeClock();
  });
  afterEach(() => rm(directory, { recursive: true }));

  const open = (log = silent): Promise<Store> => openStore({ directory, clock, log });

  it('goes on where a clean stop left it', async () => {
    const first = await open();
    const { revision } = await first.put(aWrite('/core/pods/a/x', 1));
    const relaxed = await first.put(aWrite('/core/leases/a/x', 2, { durability: 'relaxed' }));
    await first.close();
    const second = await open();
    expect(second.revision).toBe(relaxed.revision);
    expect(storedValue(second.get('/core/leases/a/x'))).toBe(2);
    expect(second.get('/core/pods/a/x')?.revision).toBe(revision);
    second.watch({ prefix: '/', after: relaxed.revision }, { onEvent: () => {} })();
    expect(() => second.watch({ prefix: '/', after: revision }, { onEvent: () => {} })).toThrow(Compacted);
    expect(() => second.range({ prefix: '/', revision })).toThrow(Compacted);
    await second.close();
  });

  it('refuses a second server on the same directory', async () => {
    const store = await open();
    const failing = open();
    await expect(failing).rejects.toBeInstanceOf(StoreLocked);
    await expect(failing).rejects.toThrow(
      `the data directory ${directory} is in use by another coracle server`,
    );
    await store.close();
  });

  it('repairs a lost table of contents, says so, and keeps a copy', async () => {
    const first = await open();
    for (let i = 0; i < 50; i++) await first.put(aWrite(`/core/pods/a/${i}`, i));
    const before = first.revision;
    await first.close();
    await writeFile(join(directory, 'leveldb', 'CURRENT'), 'nonsense');
    const lines: string[] = [];
    const second = await open(createLogger('info', {}, (line) => lines.push(line)));
    expect(second.range({ prefix: '/core/pods/' }).entries).toHaveLength(50);
    expect(second.revision).toBeGreaterThan(before);
    expect(lines.join('')).toContain('the database is damaged, repairing it');
    expect(await readdir(directory)).toContain('damaged-1');
    await second.close();
  });

  it('never starts empty where there was a database', async () => {
    const first = await open();
    await first.put(aWrite('/core/pods/a/x', 1));
    await first.close();
    await rm(join(directory, 'leveldb'), { recursive: true });
    await expect(open()).rejects.toBeInstanceOf(StoreCorrupted);
    await expect(open()).rejects.toThrow(`the database in ${directory} is damaged`);
  });

  it('notices that LevelDB dropped a part of its log', async () => {
    const first = await open();
    await first.put(aWrite('/core/pods/a/kept', 'kept'));
    await first.put(aWrite('/core/pods/a/x', 'precious'));
    // In another block of the log: what follows within the same one is a torn end to LevelDB.
    await first.put(aWrite('/core/pods/a/y', 'y'.repeat(40_000)));
    await first.put(aWrite('/core/pods/a/z', 'z'));
    await first.close();
    await damage('precious');
    const lines: string[] = [];
    const second = await open(createLogger('info', {}, (line) => lines.push(line)));
    expect(lines.join('')).toContain('a part of it is missing');
    expect(lines.join('')).toContain('recent writes may be lost');
    expect(second.get('/core/pods/a/kept')).toBeDefined();
    expect(second.get('/core/pods/a/z')).toBeDefined();
    expect(second.get('/core/pods/a/x')).toBeUndefined();
    await second.close();
    await (await open()).close();
  });

  /** Flips one letter of the log. */
  async function damage(text: string): Promise<void> {
    const files = (await readdir(join(directory, 'leveldb'))).filter((name) => name.endsWith('.log'));
    for (const name of files) {
      const path = join(directory, 'leveldb', name);
      const content = await readFile(path);
      const at = content.indexOf(text);
      if (at < 0) continue;
      content[at] = '?'.charCodeAt(0);
      await writeFile(path, content);
    }
  }
});
