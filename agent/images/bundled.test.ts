import { createHash } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { FakeRuntime } from '#agent/runtime/fake/fake-runtime.ts';
import { RuntimeError } from '#agent/runtime/runtime.ts';
import { FakeClock } from '#proto/meta/clock.ts';
import { silent } from '#proto/meta/log.ts';
import { haveBundledImages } from './bundled.ts';

const IMAGE = 'coracle.local/pause:1';

/** With one archive, imported before, and a runtime that is away at first. */
function aBoard() {
  const folder = mkdtempSync(join(tmpdir(), 'coracle-bundled-'));
  const archive = 'no archive that a runtime could read';
  writeFileSync(join(folder, 'pause.tar'), archive);
  const digest = createHash('sha256').update(archive).digest('hex');
  const state = { 'pause.tar': { digest, references: [IMAGE] } };
  writeFileSync(join(folder, 'images.json'), JSON.stringify(state));
  const clock = new FakeClock();
  const runtime = new FakeRuntime({ clock, images: [IMAGE] });
  const stop = new AbortController();
  const board = { clock, stop, isAway: true };
  const there = <T>(work: () => Promise<T>): Promise<T> =>
    board.isAway ? Promise.reject(new RuntimeError('unavailable', 'away')) : work();
  const having = haveBundledImages(
    {
      folder,
      socketPath: join(folder, 'no.sock'),
      runtime: {
        version: () => there(() => runtime.version()),
        imageStatus: (image) => there(() => runtime.imageStatus(image)),
      },
      snapshots: join(folder, 'snapshots'),
      stateFile: join(folder, 'images.json'),
      clock,
      log: silent,
    },
    stop.signal,
  );
  let done = false;
  void having.then(() => {
    done = true;
  });
  return Object.assign(board, {
    having,
    pass: async () => {
      for (let i = 0; i < 5 && !done; i++) {
        await new Promise((resolve) => setTimeout(resolve, 5));
        await clock.advance(1_000);
      }
      return done;
    },
  });
}

it('waits for a runtime that is away', async () => {
  const board = aBoard();
  expect(await board.pass()).toBe(false);
  board.isAway = false;
  await expect.poll(board.pass).toBe(true);
  expect(await board.having).toEqual([IMAGE]);
});

it('stops to wait when it is told to', async () => {
  const board = aBoard();
  await board.pass();
  board.stop.abort();
  expect(await board.having).toEqual([]);
});
