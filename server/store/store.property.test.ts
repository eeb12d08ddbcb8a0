import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FakeClock } from '#proto/meta/clock.ts';
import { createMemoryStore } from '#server/store/open.ts';
import { aWrite, brief, storedValue } from '#server/store/store.case.ts';
import { type Entry, RevisionMismatch, type Store, type StoreEvent } from '#server/store/store.ts';

const SEED = 20_260_101;
const RUNS = { seed: SEED, numRuns: 150 };

const KEYS = ['/core/pods/a/x', '/core/pods/a/y', '/core/pods/b/x', '/apps/deployments/a/x'];

type Step =
  | {
      kind: 'put' | 'delete';
      key: string;
      durability: 'synced' | 'relaxed';
      swap: 'none' | 'right' | 'stale';
    }
  | { kind: 'watch'; prefix: string; back: number }
  | { kind: 'wait' };

const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constantFrom('put' as const, 'put' as const, 'delete' as const),
      key: fc.constantFrom(...KEYS),
      durability: fc.constantFrom('synced' as const, 'relaxed' as const),
      swap: fc.constantFrom('none' as const, 'right' as const, 'stale' as const),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('watch' as const),
      prefix: fc.constantFrom('/', '/core/', '/core/pods/', '/core/pods/a/', '/core/pods/a/x'),
      back: fc.nat(5),
    }),
  },
  { weight: 3, arbitrary: fc.constant({ kind: 'wait' as const }) },
) satisfies fc.Arbitrary<Step>;

/** Runs the steps without waiting in between unless told, so that writes meet in flight. */
async function run(store: Store, steps: readonly Step[]) {
  const events: StoreEvent[] = [];
  const first = store.revision;
  store.watch({ prefix: '', after: first }, { onEvent: (e) => events.push(e) });
  const snapshots = new Map<number, string[]>();
  const shape = (entries: readonly Entry[]): string[] =>
    entries.map((e) => `${e.key}@${e.revision}=${storedValue(e)}`);
  const watches: { prefix: string; after: number; seen: string[] }[] = [];
  const writes: Promise<unknown>[] = [];
  for (const [i, s] of steps.entries()) {
    if (s.kind === 'wait') await new Promise((resolve) => setImmediate(resolve));
    else if (s.kind === 'watch') {
      const after = Math.max(first, store.revision - s.back);
      const seen: string[] = [];
      watches.push({ prefix: s.prefix, after, seen });
      store.watch({ prefix: s.prefix, after }, { onEvent: (e) => seen.push(brief(e)) });
    } else {
      const current = store.get(s.key)?.revision ?? 0;
      const expected = s.swap === 'none' ? {} : { expected: s.swap === 'right' ? current : current + 1 };
      const request = aWrite(s.key, i, { durability: s.durability, ...expected });
      const writing = s.kind === 'put' ? store.put(request) : store.delete(request);
      writes.push(writing.catch((err: unknown) => err));
    }
    snapshots.set(store.revision, shape(store.range({ prefix: '' }).entries));
  }
  const outcomes = await Promise.all(writes);
  return { first, events, snapshots, watches, outcomes, shape };
}

describe('the store, whatever happens', () => {
  it('lists any past revision as it was', () =>
    fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const store = createMemoryStore({ clock: new FakeClock() });
        const { snapshots, shape } = await run(store, steps);
        for (const [revision, entries] of snapshots) {
          expect(shape(store.range({ prefix: '', revision }).entries)).toEqual(entries);
        }
        await store.close();
      }),
      RUNS,
    ));

  it('shows each watch all events of its prefix once, in order', () =>
    fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const store = createMemoryStore({ clock: new FakeClock() });
        const { events, watches } = await run(store, steps);
        const revisions = events.map((e) => e.entry.revision);
        expect(revisions).toEqual([...new Set(revisions)].sort((a, b) => a - b));
        for (const { prefix, after, seen } of watches) {
          const due = events.filter((e) => e.entry.revision > after && e.entry.key.startsWith(prefix));
          expect(seen).toEqual(due.map(brief));
        }
        await store.close();
      }),
      RUNS,
    ));

  it('swaps only what it compared, and rebuilds its state from the events', () =>
    fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const store = createMemoryStore({ clock: new FakeClock() });
        const { events, outcomes, shape } = await run(store, steps);
        const wins = outcomes.filter((o) => !(o instanceof Error));
        expect(outcomes.filter((o) => o instanceof Error).every((o) => o instanceof RevisionMismatch)).toBe(
          true,
        );
        expect(events).toHaveLength(wins.length);
        const state = new Map<string, Entry>();
        for (const { type, entry, previous } of events) {
          expect(previous).toBe(state.get(entry.key));
          if (type === 'put') state.set(entry.key, entry);
          else state.delete(entry.key);
        }
        const rebuilt = [...state.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
        expect(shape(rebuilt)).toEqual(shape(store.range({ prefix: '' }).entries));
        await store.close();
      }),
      RUNS,
    ));
});
