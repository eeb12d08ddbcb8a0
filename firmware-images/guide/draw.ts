/** `node firmware-images/guide/draw.ts`: the pictures of GUIDE.md, from the records that `test/images/guide.ts` took. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { drawTerminal, readRecord } from './terminal.plan.ts';

export function drawAll(): readonly string[] {
  const folder = import.meta.dirname;
  const records = join(folder, 'records');
  return readdirSync(records)
    .sort()
    .map((name) => {
      const path = join(folder, name.replace(/\.txt$/, '.svg'));
      writeFileSync(path, drawTerminal(readRecord(readFileSync(join(records, name), 'utf8'))));
      return path;
    });
}

if (import.meta.main) for (const path of drawAll()) process.stdout.write(`${path}\n`);
