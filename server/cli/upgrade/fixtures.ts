import type { BoardSystem } from './upgrade.plan.ts';

/** A flashed agent that runs 1.2.0, with nothing on trial. */
export const aSystem = (more: Partial<BoardSystem> = {}): BoardSystem => ({
  board: 'rpi',
  role: 'agent',
  version: '1.2.0',
  slot: 'a',
  state: { good: 'a' },
  kernel: 'a',
  nextKernel: 'a',
  ...more,
});
