/**
 * The purity gate: `*.plan.ts` files and all that they import must compile with no Node types at all, so that
 * a decision can't do I/O. `test/purity/impure.plan.ts` breaks the rule on purpose: were it to compile, the gate
 * would be broken.
 */
import { spawnSync } from 'node:child_process';

const tsc = (project: string): { code: number; output: string } => {
  const run = spawnSync('tsc', ['-p', project], { encoding: 'utf8' });
  return { code: run.status ?? 1, output: `${run.stdout}${run.stderr}` };
};

const plans = tsc('tsconfig.pure.json');
if (plans.code !== 0 && !plans.output.includes('TS18003')) {
  process.stderr.write(`a plan, or something it imports, is not pure:\n${plans.output}`);
  process.exit(1);
}
if (tsc('test/purity/tsconfig.json').code === 0) {
  process.stderr.write('the purity gate is broken: test/purity/impure.plan.ts compiled\n');
  process.exit(1);
}
