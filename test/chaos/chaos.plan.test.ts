import { describe, expect, it } from 'vitest';
import { crashIn, FAULTS, type Fault, planChaos, problemOfLines, SERVER } from './chaos.plan.ts';

const boards = ['board-1', 'board-2', 'board-3'];
const planOf = (seed: number, cycles: number) => planChaos({ seed, cycles, boards });

describe('planChaos', () => {
  it('gives the same schedule for the same seed, and a longer one that begins with it', () => {
    const plan = planOf(7, 60);
    expect(planOf(7, 60)).toEqual(plan);
    expect(planOf(7, 200).slice(0, 6)).toEqual(plan);
    expect(planOf(8, 60)).not.toEqual(plan);
  });

  it('has every cycle once, and every kind in each set of six', () => {
    const faults = planOf(1, 200).flat();
    expect(faults.map(({ cycle }) => cycle)).toEqual(Array.from({ length: 200 }, (_, i) => i + 1));
    for (let i = 0; i + 6 <= 200; i += 6)
      expect(new Set(faults.slice(i, i + 6).map(({ kind }) => kind))).toEqual(new Set(FAULTS));
  });

  it.each(Array.from({ length: 20 }, (_, seed) => [seed]))(
    'of seed %d breaks nothing that is away already',
    (seed) => {
      const overlaps = (a: Fault, b: Fault): boolean =>
        a !== b && a.target === b.target && a.forMs > 0 && b.atMs >= a.atMs && b.atMs <= a.atMs + a.forMs;
      for (const round of planOf(seed, 200)) {
        for (const fault of round) {
          expect(fault.target === SERVER).toBe(fault.kind === 'kill server');
          for (const other of round.filter((one) => overlaps(fault, one)))
            expect([fault.kind, other.kind]).toEqual(['partition', expect.stringMatching(/^kill/)]);
        }
      }
    },
  );
});

it.each<[string, string | undefined]>([
  ['info  started\n--- agent exited with 137 ---\ninfo  started\n', undefined],
  ['--- agent exited with 137 ---\n--- agent exited with 1 ---\n', '--- agent exited with 1 ---'],
  ['--- agent exited with 0 ---\n', '--- agent exited with 0 ---'],
])('finds a program that ended by itself', (log, crash) => {
  expect(crashIn(log)).toBe(crash);
});

describe('problemOfLines', () => {
  it.each<[string, string, number, string | undefined]>([
    ['nothing yet', '', 0, undefined],
    ['all that were reported, and one more', '1\n2\n3\n', 2, undefined],
    ['fewer than were reported', '1\n2\n', 3, 'the file ends with line 2, but 3 were reported'],
    ['a gap', '1\n3\n', 1, 'line 2 is "3", of 2; 1 were reported'],
    ['two writers', '1\n1\n2\n', 2, 'line 2 is "1", of 3; 2 were reported'],
    ['an empty volume', '', 5, 'the file ends with line 0, but 5 were reported'],
  ])('of %s', (_, text, reported, problem) => {
    expect(problemOfLines(text, reported)).toBe(problem);
  });
});
