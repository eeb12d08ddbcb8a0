import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeClock } from '#proto/meta/clock.ts';
import { Compacted, type Entry, RevisionMismatch, type Store, type StoreEvent } from '#server/store/store.ts';

const encoder = new TextEncoder();

/** Writes `value` as an object that carries its own revision, as the API server does. */
export const aWrite = (
  key: string,
  value: unknown,
  more: { expected?: number; durability?: 'synced' | 'relaxed' } = {},
): Parameters<Store['put']>[0] => ({
  key,
  expected: more.expected,
  durability: more.durability ?? 'synced',
  encode: (revision) => encoder.encode(JSON.stringify({ revision, value })),
});

export const storedValue = (entry: Entry | undefined): unknown =>
  entry && (entry.object as { value: unknown }).value;

export const brief = ({ type, entry }: StoreEvent): string =>
  `${type} ${entry.key}@${entry.revision}=${storedValue(entry)}`;

/** What every {@link Store} must do, whatever log is below. */
export function describeStore(
  name: string,
  open: (clock: FakeClock) => Promise<{ store: Store; cleanup?: () => Promise<void> }>,
): void {
  describe(`${name} as a store`, () => {
    let clock: FakeClock;
    let opened: Awaited<ReturnType<typeof open>>;
    let store: Store;
    beforeEach(async () => {
      clock = new FakeClock();
      opened = await open(clock);
      store = opened.store;
    });
    afterEach(async () => {
      await store.close();
      await opened.cleanup?.();
    });

    const put = (key: string, value: unknown, more?: Parameters<typeof aWrite>[2]): Promise<Entry> =>
      store.put(aWrite(key, value, more));
    const values = (result: { entries: readonly Entry[] }): string[] =>
      result.entries.map((entry) => `${entry.key}=${storedValue(entry)}`);

    it('starts at a revision that is not 0', () => expect(store.revision).toBeGreaterThan(0));

    it('gives each write the next revision and hands it to the encoder', async () => {
      const before = store.revision;
      const first = await put('/core/pods/a/x', 1);
      const second = await put('/core/pods/a/y', 2, { durability: 'relaxed' });
      expect([first.revision, second.revision]).toEqual([before + 1, before + 2]);
      expect(second.object).toEqual({ revision: before + 2, value: 2 });
      expect(store.revision).toBe(before + 2);
      expect(store.get('/core/pods/a/x')).toBe(first);
    });

    it('shares one parsed object', async () => {
      await put('/core/pods/a/x', 1);
      const entry = store.get('/core/pods/a/x') as Entry;
      expect(entry.object).toBe(entry.object);
    });

    for (const durability of ['synced', 'relaxed'] as const) {
      it(`compares before it swaps (${durability})`, async () => {
        const { revision } = await put('/core/pods/a/x', 1, { expected: 0, durability });
        await expect(put('/core/pods/a/x', 2, { expected: 0, durability })).rejects.toMatchObject({
          name: 'RevisionMismatch',
          actual: revision,
        });
        await expect(put('/core/pods/a/y', 2, { expected: 7, durability })).rejects.toMatchObject({
          actual: 0,
        });
        await put('/core/pods/a/x', 3, { expected: revision, durability });
        expect(storedValue(store.get('/core/pods/a/x'))).toBe(3);
      });

      it(`sees writes that are on their way (${durability})`, async () => {
        const { revision } = await put('/core/pods/a/x', 0);
        const racers = Array.from({ length: 8 }, (_, i) =>
          put('/core/pods/a/x', i, { expected: revision, durability }).catch((err: unknown) => err),
        );
        const outcomes = await Promise.all(racers);
        expect(outcomes.filter((o) => o instanceof RevisionMismatch)).toHaveLength(7);
        expect(storedValue(store.get('/core/pods/a/x'))).toBe(0);
      });

      it(`deletes, and keeps the last state in the event (${durability})`, async () => {
        const { revision } = await put('/core/pods/a/x', 1, { durability });
        const events: string[] = [];
        const end = store.watch(
          { prefix: '/core/pods/', after: revision },
          { onEvent: (e) => events.push(brief(e)) },
        );
        const gone = await store.delete(aWrite('/core/pods/a/x', 'last', { expected: revision, durability }));
        end();
        expect(store.get('/core/pods/a/x')).toBeUndefined();
        expect(events).toEqual([`delete /core/pods/a/x@${gone.revision}=last`]);
        await expect(store.delete(aWrite('/core/pods/a/x', 1))).rejects.toBeInstanceOf(RevisionMismatch);
      });
    }

    it('makes a relaxed write visible at once', () => {
      const writing = put('/core/pods/a/x', 1, { durability: 'relaxed' });
      expect(storedValue(store.get('/core/pods/a/x'))).toBe(1);
      return writing;
    });

    it('hides a synced write until it is durable, and relaxed ones behind it', async () => {
      const synced = put('/core/pods/a/x', 1);
      await Promise.resolve();
      const relaxed = put('/core/pods/a/y', 1, { durability: 'relaxed' });
      expect(store.get('/core/pods/a/x')).toBeUndefined();
      expect(store.get('/core/pods/a/y')).toBeUndefined();
      expect((await synced).revision).toBeLessThan((await relaxed).revision);
    });

    it('keeps a relaxed write behind a synced one of its key', async () => {
      const all = [
        put('/core/pods/a/x', 'synced'),
        put('/core/pods/a/x', 'relaxed', { durability: 'relaxed' }),
        put('/core/pods/a/x', 'again'),
        put('/core/pods/a/x', 'last', { durability: 'relaxed' }),
      ];
      const revisions = (await Promise.all(all)).map((entry) => entry.revision);
      expect(revisions).toEqual([...revisions].sort((a, b) => a - b));
      expect(storedValue(store.get('/core/pods/a/x'))).toBe('last');
    });

    it('rejects one writer whose encoder fails, and no other', async () => {
      const failing = store.put({
        ...aWrite('/core/pods/a/x', 1),
        encode: () => {
          throw new Error('too big');
        },
      });
      const fine = put('/core/pods/a/y', 1);
      await expect(failing).rejects.toThrow('too big');
      expect((await fine).revision).toBe(store.revision);
    });

    it('ranges over a prefix, in order, in pages', async () => {
      for (const key of ['b/z', 'a/x', 'b/x', 'a/y', 'b/y']) await put(`/core/pods/${key}`, key);
      await put('/core/podtemplates/a/x', 'other');
      await put('/apps/deployments/a/x', 'other');
      expect(values(store.range({ prefix: '/core/pods/b/' }))).toEqual(
        ['b/x', 'b/y', 'b/z'].map((k) => `/core/pods/${k}=${k}`),
      );
      const page = store.range({ prefix: '/core/pods/', limit: 2 });
      expect(page).toMatchObject({ remaining: 3, revision: store.revision });
      const rest = store.range({
        prefix: '/core/pods/',
        after: '/core/pods/a/y',
        limit: 9,
        revision: page.revision,
      });
      expect(values(rest)).toEqual(['b/x', 'b/y', 'b/z'].map((k) => `/core/pods/${k}=${k}`));
      expect(rest.remaining).toBe(0);
      expect(store.range({ prefix: '/' }).entries.map((e) => e.key)).toEqual(
        [...store.range({ prefix: '/' }).entries.map((e) => e.key)].sort(),
      );
      expect(store.range({ prefix: '' }).entries).toHaveLength(7);
    });

    it('ranges at a revision of the past', async () => {
      await put('/core/pods/a/x', 1);
      const { revision } = await put('/core/pods/a/y', 1);
      await put('/core/pods/a/x', 2);
      await store.delete(aWrite('/core/pods/a/y', 1));
      await put('/core/pods/a/0', 1);
      const then = store.range({ prefix: '/core/pods/', revision });
      expect(values(then)).toEqual(['/core/pods/a/x=1', '/core/pods/a/y=1']);
      expect(then.revision).toBe(revision);
      expect(values(store.range({ prefix: '/core/pods/' }))).toEqual([
        '/core/pods/a/0=1',
        '/core/pods/a/x=2',
      ]);
    });

    it('watches history first, then live, without a gap', async () => {
      const { revision } = await put('/core/pods/a/x', 0);
      await put('/core/pods/a/x', 1);
      await put('/core/services/a/x', 'other');
      const seen: string[] = [];
      const end = store.watch(
        { prefix: '/core/pods/', after: revision },
        { onEvent: (e) => seen.push(`${storedValue(e.entry)}`) },
      );
      await put('/core/pods/a/x', 2);
      await put('/core/pods/a/y', 3, { durability: 'relaxed' });
      end();
      await put('/core/pods/a/y', 4);
      expect(seen).toEqual(['1', '2', '3']);
    });

    it('tells the previous state', async () => {
      const seen: unknown[] = [];
      store.watch(
        { prefix: '/core/pods/', after: store.revision },
        { onEvent: (e) => seen.push(storedValue(e.previous)) },
      );
      await put('/core/pods/a/x', 1);
      await put('/core/pods/a/x', 2);
      expect(seen).toEqual([undefined, 1]);
    });

    it('reports progress for what a watch does not see', async () => {
      const progress: number[] = [];
      store.watch(
        { prefix: '/core/pods/', after: store.revision },
        { onEvent: () => {}, onProgress: (revision) => progress.push(revision) },
      );
      const { revision } = await put('/core/services/a/x', 1);
      expect(progress).toEqual([revision]);
    });

    it('delivers in one order to all, also when a handler writes', async () => {
      const orders: string[][] = [[], []];
      const watch = (order: string[], onEvent?: (event: StoreEvent) => void): (() => void) =>
        store.watch(
          { prefix: '/core/', after: store.revision },
          {
            onEvent: (event) => {
              order.push(brief(event));
              onEvent?.(event);
            },
          },
        );
      watch(orders[0] as string[], (event) => {
        if (event.entry.key.endsWith('/first')) void put('/core/pods/a/second', 1, { durability: 'relaxed' });
      });
      watch(orders[1] as string[]);
      await put('/core/pods/a/first', 1);
      expect(orders[0]).toHaveLength(2);
      expect(orders[1]).toEqual(orders[0]);
    });

    it('survives a handler that throws', async () => {
      const seen: number[] = [];
      store.watch(
        { prefix: '/', after: store.revision },
        {
          onEvent: () => {
            throw new Error('bad');
          },
        },
      );
      store.watch({ prefix: '/', after: store.revision }, { onEvent: (e) => seen.push(e.entry.revision) });
      await put('/core/pods/a/x', 1);
      await put('/core/pods/a/x', 2);
      expect(seen).toHaveLength(2);
    });

    it('refuses what was compacted', async () => {
      const { revision } = await put('/core/pods/a/x', 1);
      const second = await put('/core/pods/a/x', 2);
      store.compact(second.revision);
      expect(() => store.range({ prefix: '/', revision })).toThrow(Compacted);
      expect(() => store.watch({ prefix: '/', after: revision }, { onEvent: () => {} })).toThrow(Compacted);
      expect(values(store.range({ prefix: '/', revision: second.revision }))).toEqual(['/core/pods/a/x=2']);
      store.watch({ prefix: '/', after: second.revision }, { onEvent: () => {} })();
    });

    it('forgets history that is too old', async () => {
      const { revision } = await put('/core/pods/a/x', 1);
      await put('/core/pods/a/x', 2);
      await clock.advance(11 * 60_000);
      await put('/core/pods/a/x', 3);
      expect(() => store.watch({ prefix: '/', after: revision }, { onEvent: () => {} })).toThrow(Compacted);
    });

    it('refuses writes once closed', async () => {
      await store.close();
      await expect(put('/core/pods/a/x', 1)).rejects.toThrow('closed');
    });
  });
}
