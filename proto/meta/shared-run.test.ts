import { expect, it } from 'vitest';
import { SharedRun } from './shared-run.ts';

it('gives a run that began after the question, one for all who ask meanwhile', async () => {
  const ends: (() => void)[] = [];
  let runs = 0;
  const shared = new SharedRun(async () => {
    const run = ++runs;
    await new Promise<void>((resolve) => ends.push(resolve));
    if (run === 1) throw new Error('failed');
    return run;
  });
  const first = shared.ask();
  const second = shared.ask();
  const third = shared.ask();
  ends.shift()?.();
  await expect(first).rejects.toThrow('failed');
  await new Promise((resolve) => setImmediate(resolve));
  ends.shift()?.();
  expect(await Promise.all([second, third])).toEqual([2, 2]);
  const later = shared.ask();
  ends.shift()?.();
  expect(await later).toBe(3);
});
