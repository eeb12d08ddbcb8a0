import { writeSync } from 'node:fs';
import { systemClock } from '#proto/meta/clock.ts';
import { silent } from '#proto/meta/log.ts';
import { openStore } from '#server/store/open.ts';

/** The victim of power-cut.test.ts: eight writers that print each key once it is acknowledged, for ever. */
const [directory = '', round = ''] = process.argv.slice(2);
const store = await openStore({ directory, clock: systemClock, log: silent });
const encoder = new TextEncoder();

async function write(writer: number): Promise<never> {
  for (let i = 0; ; i++) {
    const key = `/core/pods/r${round}/w${writer}-${i}`;
    const { revision } = await store.put({
      key,
      expected: 0,
      durability: 'synced',
      encode: (r) => encoder.encode(JSON.stringify({ metadata: { resourceVersion: `${r}` } })),
    });
    writeSync(1, `${key} ${revision}\n`);
  }
}

await Promise.all([0, 1, 2, 3, 4, 5, 6, 7].map(write));
