import { beforeEach, describe, expect, it } from 'vitest';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import { aPod } from './fixtures.ts';
import { compareTurns, SchedulingQueue } from './queue.ts';

const pod = (uid: string, priority?: number, second = 0, generation = 1): Pod =>
  aPod(uid, { priority }, { uid, generation, creationTimestamp: `2026-01-01T00:00:0${second}Z` });

let queue: SchedulingQueue;
const add = (...pods: Pod[]): void => {
  for (const p of pods) queue.add(p.metadata.uid ?? '', p);
};
const drain = (): string[] => {
  const uids: string[] = [];
  for (let next = queue.next(); next; next = queue.next()) uids.push(next.uid);
  return uids;
};

beforeEach(() => {
  queue = new SchedulingQueue();
});

describe('order', () => {
  it('takes the highest priority first, then the oldest, then the first that came', () => {
    add(
      pod('late', 0, 2),
      pod('low', -5, 0),
      pod('first', 0, 1),
      pod('second', undefined, 1),
      pod('high', 9, 3),
    );
    expect(drain()).toEqual(['high', 'first', 'second', 'late', 'low']);
  });

  it('sees those that come while it is drained', () => {
    add(pod('a'), pod('b'));
    expect(queue.next()?.uid).toBe('a');
    add(pod('urgent', 10));
    expect(drain()).toEqual(['urgent', 'b']);
  });

  it('leaves out what was removed, and takes the newest of what was changed', () => {
    add(pod('a'), pod('b'), pod('c'));
    expect(queue.next()?.uid).toBe('a');
    queue.remove('b');
    const changed = pod('c', 0, 0, 2);
    add(changed);
    expect(queue.next()?.pod).toBe(changed);
    expect(queue.next()).toBeUndefined();
  });

  it('finds two equals equal', () => {
    expect(compareTurns(pod('a'), pod('b'))).toBe(0);
    expect(compareTurns(pod('a', 1), pod('b'))).toBeLessThan(0);
    expect(compareTurns(pod('a', 0, 1), pod('b'))).toBeGreaterThan(0);
  });
});

describe('parking', () => {
  it('wakes on a change only, and not before the back-off is over', () => {
    queue.park('a', pod('a'), 0);
    expect(queue.release(60_000)).toBeUndefined();
    expect(drain()).toEqual([]);
    queue.wake();
    expect(queue.release(500)).toBe(1_000);
    expect(drain()).toEqual([]);
    expect(queue.release(1_000)).toBeUndefined();
    expect(drain()).toEqual(['a']);
  });

  it('leaves those parked after the change', () => {
    queue.park('a', pod('a'), 0);
    queue.wake();
    queue.park('b', pod('b'), 0);
    expect(queue.release(60_000)).toBeUndefined();
    expect(drain()).toEqual(['a']);
    expect(queue.parked).toBe(1);
  });

  it('gives the time of the first whose back-off ends', () => {
    queue.park('a', pod('a'), 3_000);
    queue.park('b', pod('b'), 1_000);
    queue.wake();
    expect(queue.release(0)).toBe(2_000);
  });

  it('backs off 1 s, 2 s, 4 s, 8 s and then 10 s, until it is removed', () => {
    const waits: (number | undefined)[] = [];
    const once = (): void => {
      queue.park('a', pod('a'), 0);
      queue.wake();
      waits.push(queue.release(0));
      queue.release(60_000);
      drain();
    };
    for (let i = 0; i < 6; i++) once();
    queue.remove('a');
    once();
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 10_000, 10_000, 1_000]);
  });

  it('is not woken by a new status', () => {
    queue.park('a', pod('a'), 0);
    const told = pod('a');
    add(told);
    expect(queue.release(60_000)).toBeUndefined();
    queue.wake();
    queue.release(60_000);
    expect(queue.next()?.pod).toBe(told);
  });

  it('is woken by a new spec, after its back-off', () => {
    queue.park('a', pod('a'), 0);
    add(pod('a', 0, 0, 2));
    add(pod('a', 0, 0, 2));
    expect(queue.release(0)).toBe(1_000);
    queue.release(1_000);
    expect(drain()).toEqual(['a']);
  });

  it('tries one that fitted again without a change', () => {
    queue.retry('a', pod('a'), 0);
    expect(queue.release(0)).toBe(1_000);
    queue.release(1_000);
    expect(drain()).toEqual(['a']);
  });

  it('forgets one that is removed', () => {
    queue.park('a', pod('a'), 0);
    queue.remove('a');
    queue.wake();
    expect(queue.release(60_000)).toBeUndefined();
    expect([queue.active, queue.parked]).toEqual([0, 0]);
  });
});
