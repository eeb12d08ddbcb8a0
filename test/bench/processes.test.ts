import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { memoryOf, summary, usageOf, withCommand } from './processes.ts';

it('reads this process', () => {
  const { residentBytes, proportionalBytes } = memoryOf([process.pid]);
  expect(residentBytes).toBeGreaterThan(20e6);
  expect(proportionalBytes).toBeLessThanOrEqual(residentBytes);
  const before = usageOf([process.pid]).cpuSeconds;
  while (usageOf([process.pid]).cpuSeconds <= before);
  expect(usageOf([process.pid]).cpuSeconds - before).toBeLessThan(1);
});

it('counts what children cost that have ended', () => {
  const before = usageOf([process.pid]).cpuSeconds;
  spawnSync(process.execPath, ['-e', 'while (process.cpuUsage().user < 100_000);']);
  expect(usageOf([process.pid]).cpuSeconds - before).toBeGreaterThan(0.03);
});

it('counts a process that is gone as nothing', () => {
  expect(memoryOf([2 ** 30])).toEqual({ residentBytes: 0, proportionalBytes: 0 });
  expect(usageOf([2 ** 30])).toEqual({ cpuSeconds: 0, writtenBytes: 0 });
  expect(withCommand([2 ** 30], 'node')).toEqual([]);
});

it('takes the middle and the worst', () => {
  expect(summary([3, 1, 2])).toEqual({ medianMs: 2, worstMs: 3, samples: 3 });
});
