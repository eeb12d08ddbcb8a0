import { describe, expect, it } from 'vitest';
import { FakeClock } from '#proto/meta/clock.ts';
import { silent } from '#proto/meta/log.ts';
import { KeyIndex } from '#server/store/key-index.ts';
import type { LogOperation } from '#server/store/log.ts';
import { MemoryLog } from '#server/store/memory/memory-log.ts';
import { recover } from '#server/store/recover.ts';
import { RevisionStore, type StoreLimits } from '#server/store/revision-store.ts';
import { aWrite, storedValue } from '#server/store/store.case.ts';

/** A device that records its batches, holds them back, and fails when told. */
class Device extends MemoryLog {
  readonly batches: (readonly LogOperation[])[] = [];
  failure: Error | undefined;
  #gate: Promise<void> = Promise.resolve();

  hold(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#gate = promise;
    return resolve;
  }

  override async append(batch: readonly LogOperation[], options: { readonly sync: boolean }): Promise<void> {
    await this.#gate;
    if (this.failure) throw this.failure;
    this.batches.push(batch);
    await super.append(batch, options);
  }

  /** Keys of the objects that the newest batch wrote. */
  get last(): string[] {
    return (this.batches.at(-1) ?? []).map((o) => o.key).filter((key) => key.startsWith('d'));
  }
}

async function aStore(limits: Partial<StoreLimits> = {}) {
  const device = new Device();
  const clock = new FakeClock();
  const store = new RevisionStore(
    device,
    { index: new KeyIndex(), revision: 1 },
    { clock, log: silent, limits },
  );
  await store.start();
  return { device, clock, store };
}

const relaxed = { durability: 'relaxed' } as const;
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('group commit', () => {
  it('puts writers that arrive during a batch into the next one', async () => {
    const { device, store } = await aStore();
    const release = device.hold();
    const first = store.put(aWrite('/a/b/1', 1));
    await settle();
    const others = [2, 3, 4].map((i) => store.put(aWrite(`/a/b/${i}`, i)));
    const before = device.batches.length;
    release();
    await Promise.all([first, ...others]);
    expect(device.batches.slice(before).map((b) => b.length)).toEqual([1, 3]);
  });

  it('rejects the writers of a failed batch and shows nothing of it', async () => {
    const { device, store } = await aStore();
    const kept = await store.put(aWrite('/a/b/1', 'kept'));
    const seen: number[] = [];
    store.watch({ prefix: '/', after: store.revision }, { onEvent: (e) => seen.push(e.entry.revision) });
    device.failure = new Error('no space left on device');
    const swap = store.put(aWrite('/a/b/1', 'lost', { expected: kept.revision }));
    const rival = store.put(aWrite('/a/b/1', 'rival', { expected: kept.revision }));
    await expect(swap).rejects.toThrow('no space left');
    await expect(rival).rejects.toThrow('no space left');
    expect(storedValue(store.get('/a/b/1'))).toBe('kept');
    expect(seen).toEqual([]);
    device.failure = undefined;
    const next = await store.put(aWrite('/a/b/2', 1));
    expect(next.revision).toBeGreaterThan(kept.revision + 1);
    // The failed batch may be on the device: what readers see is written over it.
    expect(device.last).toEqual(['d/a/b/1', 'd/a/b/2']);
  });
});

describe('relaxed writes', () => {
  it('reach the device in one batch, each key once, when the interval is over', async () => {
    const { device, clock, store } = await aStore();
    const before = device.batches.length;
    for (let i = 0; i < 59; i++) {
      for (const node of ['n1', 'n2']) await store.put(aWrite(`/c/leases/${node}`, i, relaxed));
      await clock.advance(10_000);
    }
    expect(device.batches).toHaveLength(before);
    await clock.advance(10_000);
    await settle();
    expect(device.batches).toHaveLength(before + 1);
    expect(device.last).toEqual(['d/c/leases/n1', 'd/c/leases/n2']);
  });

  it('do not ride on a synced batch before half of the interval', async () => {
    const { device, clock, store } = await aStore();
    await store.put(aWrite('/c/leases/n', 1, relaxed));
    await store.put(aWrite('/a/b/1', 1));
    expect(device.last).toEqual(['d/a/b/1']);
    await clock.advance(6 * 60_000);
    await store.put(aWrite('/a/b/1', 2));
    expect(device.last).toEqual(['d/c/leases/n', 'd/a/b/1']);
    await store.put(aWrite('/a/b/1', 3));
    expect(device.last).toEqual(['d/a/b/1']);
  });

  it('are flushed when they grow large', async () => {
    const { device, store } = await aStore({ flushBytes: 1000 });
    await store.put(aWrite('/c/events/1', 'x'.repeat(2000), relaxed));
    await settle();
    expect(device.last).toEqual(['d/c/events/1']);
  });

  it('give way to a synced write of the same key', async () => {
    const { device, clock, store } = await aStore();
    await store.put(aWrite('/a/b/1', 'relaxed', relaxed));
    await store.put(aWrite('/a/b/1', 'synced'));
    const before = device.batches.length;
    await clock.advance(20 * 60_000);
    await settle();
    expect(device.batches).toHaveLength(before);
  });

  it('stay dirty when they change during their flush', async () => {
    const { device, clock, store } = await aStore();
    await store.put(aWrite('/c/leases/n', 1, relaxed));
    const release = device.hold();
    await clock.advance(10 * 60_000);
    await settle();
    await store.put(aWrite('/c/leases/n', 2, relaxed));
    release();
    await settle();
    await store.close();
    expect(storedValue((await recover(device)).index.get('/c/leases/n'))).toBe(2);
  });
});

describe('revision blocks', () => {
  it('are reserved ahead, and outlive a power cut', async () => {
    const { device, store } = await aStore({ block: 100 });
    for (let i = 0; i < 250; i++) await store.put(aWrite('/c/leases/n', i, relaxed));
    const { revision } = await recover(device);
    expect(revision).toBeGreaterThanOrEqual(store.revision);
    expect(revision).toBeLessThanOrEqual(store.revision + 110);
  });
});
