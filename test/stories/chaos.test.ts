/** One round of `npm run chaos`: each kind of fault once, overlapping, on three boards. */
import { expect, it } from 'vitest';
import { runChaos } from '../chaos/chaos.ts';

it('loses no line and leaves no Pod stuck when everything breaks at once', async () => {
  const report = await runChaos({ seed: 3, cycles: 6, progress: () => {} });
  expect(Object.values(report.faults)).toEqual([1, 1, 1, 1, 1, 1]);
  expect(report.linesReported).toBeGreaterThan(0);
});
