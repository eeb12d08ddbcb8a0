import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { systemClock } from '#proto/meta/clock.ts';
import { silent } from '#proto/meta/log.ts';
import { openStore } from '#server/store/open.ts';

const WRITER = fileURLToPath(new URL('./power-cut.writer.ts', import.meta.url));

/** Starts a writer, lets it acknowledge some writes, and kills it in the middle of others. */
async function writeUntilKilled(directory: string, round: number): Promise<Map<string, number>> {
  const child: ChildProcess = spawn(process.execPath, [WRITER, directory, `${round}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const acknowledged = new Map<string, number>();
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  for await (const line of lines) {
    const [key, revision] = line.split(' ');
    acknowledged.set(key as string, Number(revision));
    if (acknowledged.size === 300) child.kill('SIGKILL');
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  expect(child.signalCode).toBe('SIGKILL');
  return acknowledged;
}

it('has every acknowledged write after kill -9, and revisions go on', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'coracle-power-'));
  try {
    let newest = 0;
    const all = new Map<string, number>();
    for (const round of [1, 2]) {
      const acknowledged = await writeUntilKilled(directory, round);
      expect(acknowledged.size).toBeGreaterThanOrEqual(300);
      expect(Math.min(...acknowledged.values())).toBeGreaterThan(newest);
      for (const [key, revision] of acknowledged) all.set(key, revision);
      newest = Math.max(...all.values());
      const store = await openStore({ directory, clock: systemClock, log: silent });
      expect(store.revision).toBeGreaterThanOrEqual(newest);
      for (const [key, revision] of all) expect(store.get(key)?.revision).toBe(revision);
      newest = store.revision;
      await store.close();
    }
  } finally {
    await rm(directory, { recursive: true });
  }
});
