import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { FakeClock } from '#proto/meta/clock.ts';
import { silent } from '#proto/meta/log.ts';
import { keepCertificates } from './keep-certificates.ts';
import { openPki, type Pki } from './pki.ts';

const DAY_MS = 86_400_000;

it('renews what is due while the server runs, at its time or when the clock is set', async () => {
  const directory = join(mkdtempSync(join(tmpdir(), 'coracle-keep-')), 'pki');
  const clock = new FakeClock();
  let skippedMs = 0;
  let jump = (): void => {};
  const open = (): Pki =>
    openPki(directory, {
      clusterDomain: 'cluster.local',
      serviceIp: '10.43.0.1',
      advertiseAddress: '127.0.0.1',
      tlsSans: [],
      nodeName: 'pi',
      now: () => clock.now() + skippedMs,
    });
  const first = open();
  const applied: Pki[] = [];
  const onJump = (listener: () => void) => {
    jump = listener;
    return () => {};
  };
  const stop = new AbortController();
  const keeping = keepCertificates(
    {
      open,
      current: first,
      apply: (pki) => applied.push(pki),
      clock: Object.assign(clock, { onJump }),
      log: silent,
    },
    stop.signal,
  );
  await clock.advance(300 * DAY_MS);
  jump();
  expect(applied).toEqual([]);
  await clock.advance(40 * DAY_MS);
  expect(applied).toHaveLength(1);
  expect(applied[0]?.serving.cert).not.toBe(first.serving.cert);
  expect(applied[0]?.serving.key).toBe(first.serving.key);
  expect(applied[0]?.caHash).toBe(first.caHash);
  skippedMs = 1000 * DAY_MS;
  jump();
  expect(applied).toHaveLength(2);
  stop.abort();
  await keeping;
});
