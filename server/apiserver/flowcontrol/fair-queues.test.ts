import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dealHand, FairQueues, hashFlow } from './fair-queues.ts';

const CONFIG = { queues: 128, handSize: 6, queueLengthLimit: 50 };
const item = (flow: string, seats = 1) => ({ flow, seats, hash: hashFlow('s', flow) });
const all = (): boolean => true;

describe('a hand of queues', () => {
  it('is of different queues, the same for the same flow', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
        fc.integer({ min: 1, max: 128 }),
        (hash, queues) => {
          const handSize = Math.min(8, queues);
          const hand = dealHand(hash, { queues, handSize });
          expect(new Set(hand).size).toBe(handSize);
          expect(hand.every((card) => card >= 0 && card < queues)).toBe(true);
          expect(dealHand(hash, { queues, handSize })).toEqual(hand);
        },
      ),
      { seed: 7, numRuns: 300 },
    );
  });

  it('deals all cards alike', () => {
    const counts = Array.from({ length: 16 }, () => 0);
    for (let i = 0; i < 4000; i++)
      for (const card of dealHand(hashFlow('s', String(i)), { queues: 16, handSize: 4 })) counts[card]!++;
    // 1000 each, were it even.
    expect(Math.min(...counts)).toBeGreaterThan(850);
    expect(Math.max(...counts)).toBeLessThan(1150);
  });
});

describe('fair queues', () => {
  it('serve a quiet flow soon, however much a loud one has waiting', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 300 }), fc.string({ minLength: 1 }), (loud, name) => {
        const queues = new FairQueues<ReturnType<typeof item>>(CONFIG);
        let pushed = 0;
        for (let i = 0; i < loud; i++) if (queues.push(item('loud'))) pushed++;
        const quiet = item(`quiet ${name}`);
        // Where all of its hand is the loud one's, it waits as those do; that is once in a billion.
        expect(queues.push(quiet)).toBe(true);
        let before = 0;
        while (queues.take(all) !== quiet) before++;
        expect(before).toBeLessThanOrEqual(Math.min(pushed, CONFIG.handSize));
      }),
      { seed: 11, numRuns: 200 },
    );
  });

  it('lose nobody, and give each flow its turn by what it takes', () => {
    const queues = new FairQueues<ReturnType<typeof item>>({ queues: 2, handSize: 1, queueLengthLimit: 100 });
    const [a, b] = ['a', 'b', 'c', 'd', 'e', 'f'].reduce<string[]>((found, flow) => {
      const card = dealHand(hashFlow('s', flow), { queues: 2, handSize: 1 })[0];
      if (found[card ?? 0] === undefined) found[card ?? 0] = flow;
      return found;
    }, []) as [string, string];
    for (let i = 0; i < 30; i++) {
      queues.push(item(a, 1));
      queues.push(item(b, 3));
    }
    const first = Array.from({ length: 20 }, () => queues.take(all)?.flow);
    expect(first.filter((flow) => flow === a)).toHaveLength(15);
    let rest = 0;
    while (queues.take(all)) rest++;
    expect(rest).toBe(40);
    expect(queues.size).toBe(0);
  });

  it('are full at their limit, and wait for one that is too wide', () => {
    const queues = new FairQueues<ReturnType<typeof item>>({ queues: 1, handSize: 1, queueLengthLimit: 2 });
    const [wide, next] = [item('a', 5), item('a')];
    expect([queues.push(wide), queues.push(next), queues.push(item('a'))]).toEqual([true, true, false]);
    expect(queues.take(({ seats }) => seats < 5)).toBeUndefined();
    queues.remove(wide);
    expect(queues.take(all)).toBe(next);
    expect(queues.drain()).toEqual([]);
  });
});
