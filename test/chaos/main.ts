/**
 * `npm run chaos -- --seed 1 --cycles 200`: a JSON document on stdout, progress on stderr; exit code 1 when something was
 * lost, got stuck or did not converge. Needs root and virtual boards, as the stories do.
 */
import { parseArgs } from 'node:util';
import { runChaos } from './chaos.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    cycles: { type: 'string', default: '200' },
    'from-round': { type: 'string', default: '1' },
  },
});
const [seed, cycles, fromRound] = [values.seed, values.cycles, values['from-round']].map(Number) as [
  number,
  number,
  number,
];
if (![seed, cycles, fromRound].every(Number.isSafeInteger) || cycles < 1 || fromRound < 1) {
  process.stderr.write('chaos: --seed, --cycles and --from-round want whole numbers\n');
  process.exit(2);
}
const startedAt = performance.now();
const progress = (line: string): void =>
  void process.stderr.write(`chaos: ${((performance.now() - startedAt) / 1000).toFixed(0)} s: ${line}\n`);
try {
  const report = await runChaos({ seed, cycles, fromRound, progress });
  process.stdout.write(`${JSON.stringify(report, null, 2)}\n`, () => process.exit());
} catch (err) {
  process.stderr.write(`${(err as Error).message}\n`, () => process.exit(1));
}
