import { beforeEach, describe, expect, it } from 'vitest';
import { DEADLINE } from './annotations.plan.ts';
import type { Hint } from './changes.plan.ts';
import { aPod } from './fixtures.ts';
import { type PodInfo, podInfoOf } from './pod-info.plan.ts';
import { compareTurns, SchedulingQueue } from './queue.ts';

const pod = (uid: string, priority?: number, second = 0, more: Parameters<typeof aPod>[2] = {}): PodInfo =>
  podInfoOf(
    aPod(
      uid,
      { priority },
      { uid, generation: 1, creationTimestamp: `2026-01-01T00:00:0${second}Z`, ...more },
    ),
  );
const due = (deadline: string) => ({ annotations: { [DEADLINE]: deadline } });
const BY = { by: new Set(['NodeResourcesFit']), kind: undefined };
const ofKind = (kind: string) => ({ by: BY.by, kind });

let queue: SchedulingQueue;
const add = (...pods: PodInfo[]): void => {
  for (const p of pods) queue.add(p);
};
const next = (stillFits = true) => queue.next(() => stillFits);
const drain = (stillFits = true): string[] => {
  const uids: string[] = [];
  for (let one = next(stillFits); one; one = next(stillFits)) uids.push(one.uid);
  return uids;
};
const wake = (it: Hint): void => queue.wake({ hint: () => it, uids: [], kinds: true });
const MAYBE: Hint = { type: 'maybe' };
const FITS: Hint = { type: 'fits', nodeName: 'board-1' };

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

  it('takes the earliest deadline first within a priority, and what has none after that', () => {
    add(
      pod('whenever', 0, 0),
      pod('tomorrow', 0, 1, due('2026-01-02T00:00:00Z')),
      pod('elsewhere', 0, 2, due('2026-01-02T00:30:00+01:00')),
      pod('nonsense', 0, 1, due('soon')),
      pod('urgent', 1, 3),
    );
    expect(drain()).toEqual(['urgent', 'elsewhere', 'tomorrow', 'whenever', 'nonsense']);
  });

  it('follows a deadline that is moved while the Pod waits', () => {
    add(pod('a', 0, 0), pod('b', 0, 1), pod('c', 0, 2));
    add(pod('c', 0, 2, due('2026-01-02T00:00:00Z')));
    expect(queue.active).toBe(3);
    expect(drain()).toEqual(['c', 'a', 'b']);
    expect(queue.active).toBe(0);
  });

  it('sees those that come while it is drained', () => {
    add(pod('a'), pod('b'));
    expect(next()?.uid).toBe('a');
    add(pod('urgent', 10));
    expect(drain()).toEqual(['urgent', 'b']);
  });

  it('leaves out what was removed, and takes the newest of what was changed', () => {
    add(pod('a'), pod('b'), pod('c'));
    expect(next()?.uid).toBe('a');
    queue.remove('b');
    const changed = pod('c', 0, 0, { generation: 2 });
    add(changed);
    expect(next()?.pod).toBe(changed);
    expect(next()).toBeUndefined();
  });

  it('gives one that is taken with its group to nobody else', () => {
    add(pod('a'), pod('b'));
    expect(queue.take('b')?.uid).toBe('b');
    expect(queue.take('b')).toBeUndefined();
    expect(drain()).toEqual(['a']);
  });

  it('finds two equals equal', () => {
    expect(compareTurns(pod('a'), pod('b'))).toBe(0);
    expect(compareTurns(pod('a', 1), pod('b'))).toBeLessThan(0);
    expect(compareTurns(pod('a', 0, 1), pod('b'))).toBeGreaterThan(0);
  });
});

describe('parking', () => {
  const park = (...uids: string[]): void => {
    for (const uid of uids) {
      add(pod(uid));
      drain();
      queue.park(uid, BY, 0);
    }
  };

  it('stays until a change may help, and then until the back-off is over', () => {
    park('a');
    expect(queue.release(60_000)).toBeUndefined();
    wake({ type: 'no' });
    expect(queue.release(60_000)).toBeUndefined();
    wake(MAYBE);
    expect(queue.release(500)).toBe(1_000);
    expect(drain()).toEqual([]);
    expect(queue.release(1_000)).toBeUndefined();
    expect(drain()).toEqual(['a']);
  });

  it('tries one at once that fits now, in its turn and if it fits still', () => {
    park('a');
    wake(FITS);
    add(pod('b'), pod('high', 1));
    expect(queue.active).toBe(3);
    expect(drain()).toEqual(['high', 'a', 'b']);
    park('c');
    wake(FITS);
    expect(drain(false)).toEqual([]);
    expect([queue.active, queue.parked]).toEqual([0, 1]);
  });

  it('asks one of a kind, and lets one after the other try while there is room', () => {
    add(pod('late', 0, 2), pod('a', 0, 0), pod('b', 0, 1));
    drain();
    for (const uid of ['late', 'a', 'b']) queue.park(uid, ofKind('k'), 0);
    let asked = 0;
    queue.wake({
      hint: () => {
        asked++;
        return FITS;
      },
      uids: [],
      kinds: true,
    });
    expect([asked, queue.active, queue.parked]).toEqual([1, 1, 3]);
    let room = 2;
    const stillFits = () => room-- > 0;
    const tried = [queue.next(stillFits), queue.next(stillFits), queue.next(stillFits)];
    expect(tried.map((one) => one?.uid)).toEqual(['a', 'b', undefined]);
    expect([queue.active, queue.parked]).toEqual([0, 1]);
  });

  it('asks those on their own whom the change is about, and no kind where it means nothing to any', () => {
    add(pod('a'), pod('b'), pod('c'));
    drain();
    for (const uid of ['a', 'b', 'c']) queue.park(uid, ofKind('k'), 0);
    const asked: string[] = [];
    const hint = ({ uid }: { uid: string }): Hint => {
      asked.push(uid);
      return { type: 'no' };
    };
    queue.wake({ hint, uids: ['a'], kinds: true });
    queue.wake({ hint, uids: ['b'], kinds: false });
    expect(asked).toEqual(['a', 'b', 'b']);
  });

  it('tells by what it was refused', () => {
    park('a');
    const seen: ReadonlySet<string>[] = [];
    const hint = ({ by }: { by: ReadonlySet<string> }): Hint => {
      seen.push(by);
      return { type: 'no' };
    };
    queue.wake({ hint, uids: [], kinds: true });
    expect(seen).toEqual([BY.by]);
  });

  it('leaves those parked after the change', () => {
    park('a');
    wake(MAYBE);
    park('b');
    queue.release(60_000);
    expect(drain()).toEqual(['a']);
    expect(queue.parked).toBe(1);
  });

  it('gives the time of the first whose back-off ends', () => {
    add(pod('a'), pod('b'));
    drain();
    queue.park('a', BY, 3_000);
    queue.park('b', BY, 1_000);
    wake(MAYBE);
    expect(queue.release(0)).toBe(2_000);
  });

  it('backs off 1 s, 2 s, 4 s, 8 s and then 10 s, until it is removed', () => {
    const waits: (number | undefined)[] = [];
    const once = (): void => {
      add(pod('a'));
      drain();
      queue.park('a', BY, 0);
      wake(MAYBE);
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
    park('a');
    const told = pod('a');
    add(told);
    expect(queue.release(60_000)).toBeUndefined();
    wake(MAYBE);
    queue.release(60_000);
    expect(next()?.pod).toBe(told);
  });

  it.each([
    ['spec', { generation: 2 }],
    ['label', { labels: { a: 'b' } }],
  ])('is woken by a new %s, after its back-off', (_, more) => {
    park('a');
    add(pod('a', 0, 0, more));
    add(pod('a', 0, 0, more));
    expect(queue.release(0)).toBe(1_000);
    queue.release(1_000);
    expect(drain()).toEqual(['a']);
  });

  it('tries one that fitted again without a change', () => {
    add(pod('a'));
    drain();
    queue.retry('a', 0);
    expect(queue.release(0)).toBe(1_000);
    queue.release(1_000);
    expect(drain()).toEqual(['a']);
  });

  it('forgets one that is removed', () => {
    park('a');
    queue.remove('a');
    queue.park('a', BY, 0);
    wake(MAYBE);
    expect(queue.release(60_000)).toBeUndefined();
    expect([queue.active, queue.parked]).toEqual([0, 0]);
  });
});
