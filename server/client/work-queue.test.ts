import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { FakeClock } from '#proto/meta/clock.ts';
import { silent } from '#proto/meta/log.ts';
import type { Outcome } from '#server/client/work-queue.ts';
import { WorkQueue } from '#server/client/work-queue.ts';

const aQueue = (reconcile: (key: string) => Promise<Outcome> | Outcome, clock = new FakeClock()) => {
  const queue = new WorkQueue({ name: 'test', clock, log: silent, reconcile, workers: 2, rng: () => 1 });
  const stop = new AbortController();
  queue.start(stop.signal);
  return { queue, clock, stop };
};

describe('WorkQueue', () => {
  it('works on a key once however often it was added', async () => {
    const worked: string[] = [];
    const { queue } = aQueue((key) => void worked.push(key));
    for (const key of ['a', 'b', 'a', 'a']) queue.add(key);
    await queue.whenIdle();
    expect(worked.slice(0, 2)).toEqual(['a', 'b']);
    expect(worked.length).toBeLessThanOrEqual(3);
  });

  it('never runs one key twice at a time, and runs it again when it was added meanwhile', async () => {
    let running = 0;
    let most = 0;
    let runs = 0;
    const { queue } = aQueue(async () => {
      runs += 1;
      running += 1;
      most = Math.max(most, running);
      await turn();
      running -= 1;
    });
    queue.add('a');
    await Promise.resolve();
    queue.add('a');
    queue.add('a');
    await queue.whenIdle();
    expect({ most, runs }).toEqual({ most: 1, runs: 2 });
  });

  it('backs off exponentially and forgets on success', async () => {
    const at: number[] = [];
    const clock = new FakeClock(0);
    const { queue } = aQueue(() => {
      at.push(clock.now());
      if (at.length < 4) throw new Error('not yet');
    }, clock);
    queue.add('a');
    await queue.whenIdle();
    await clock.advance(1000);
    expect(at).toEqual([0, 20, 60, 140]);
  });

  it('keeps the earlier of two dates and requeues as asked', async () => {
    const at: number[] = [];
    const clock = new FakeClock(0);
    const { queue } = aQueue(() => {
      at.push(clock.now());
      return at.length < 3 ? { requeueAfterMs: 500 } : undefined;
    }, clock);
    queue.addAfter('a', 300);
    queue.addAfter('a', 900);
    queue.addAfter('a', 100);
    await clock.advance(5000);
    expect(at).toEqual([100, 600, 1100]);
  });

  it('starts nothing after the signal', async () => {
    const worked: string[] = [];
    const { queue, clock, stop } = aQueue((key) => void worked.push(key));
    queue.addAfter('a', 100);
    stop.abort();
    queue.add('b');
    await clock.advance(200);
    expect(worked).toEqual([]);
  });
});
