import { expect, it } from 'vitest';
import { budgets } from './budgets.ts';

const MIB = 1024 * 1024;
const program = (mib: number, written = 0) => ({ residentBytes: mib * MIB, writtenBytesPerMinute: written });

it('says what is met and what is not', () => {
  const result = budgets({
    idleWithoutPods: { server: program(70, 1000), agents: [program(60), program(63), program(120)] },
    idleWithPods: { server: program(97), agents: [program(65)] },
    serverStart: { toReadyz: { medianMs: 700 } },
    podStart: { medianAboveFloorMs: 60.1 },
  });
  expect(Object.values(result)).toEqual([
    { limit: 96, measured: 97, met: false },
    { limit: 64, measured: 63, met: true },
    { limit: 64, measured: 65, met: false },
    { limit: 700, measured: 700, met: true },
    { limit: 1e6, measured: 60_000, met: true },
    { limit: 60, measured: 60.1, met: false },
  ]);
});

it('does not call met what was not measured', () => {
  const [server] = Object.values(
    budgets({
      idleWithoutPods: { server: undefined, agents: [] },
      idleWithPods: { server: undefined, agents: [] },
      serverStart: { toReadyz: { medianMs: 1 } },
      podStart: { medianAboveFloorMs: 1 },
    }),
  );
  expect(server?.met).toBe(false);
});
