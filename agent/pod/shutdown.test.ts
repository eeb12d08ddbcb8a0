import { expect, it } from 'vitest';
import { FakeClock } from '#proto/meta/clock.ts';
import { silent } from '#proto/meta/log.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import { aPod } from './fixtures.ts';
import { endPods } from './shutdown.ts';

const named = (name: string, spec: Partial<Pod['spec']> = {}): Pod => aPod(spec, { name, uid: name });

async function shutDown(
  pods: Pod[],
  ending: Readonly<Record<string, number>>,
  announce: () => Promise<void> = async () => {},
) {
  const clock = new FakeClock(0);
  const story: string[] = [];
  let there = pods;
  const done = endPods({
    announce,
    graceMs: 30_000,
    criticalGraceMs: 10_000,
    pods: () => there,
    evict: (uid, { reason, graceSeconds }) => {
      story.push(`${clock.now() / 1000} ${uid} ${reason} ${graceSeconds}`);
      void clock.sleep(ending[uid] ?? 0).then(() => {
        there = there.filter(({ metadata }) => metadata.uid !== uid);
      });
    },
    isTold: () => true,
    clock,
    log: silent,
  }).then(() => story.push(`${clock.now() / 1000} off`));
  await new Promise((resolve) => setImmediate(resolve));
  for (let i = 0; i < 200; i++) await clock.advance(250);
  await done;
  return story;
}

it('ends pods at once, each in its own time or what there is, and critical ones last', async () => {
  const critical = { priority: 2_000_001_000, terminationGracePeriodSeconds: 30 };
  const pods = [named('web', { terminationGracePeriodSeconds: 5 }), named('db'), named('dns', critical)];
  expect(await shutDown(pods, { web: 1000, db: 3000, dns: 1000 })).toEqual([
    '0 web Terminated 5',
    '0 db Terminated 20',
    '3 dns Terminated 10',
    '4 off',
  ]);
});

it('waits no longer than there is time', async () => {
  const pods = [named('stuck'), named('dns', { priority: 2_000_001_000 })];
  const story = await shutDown(pods, { stuck: 1e9, dns: 1e9 });
  expect(story).toEqual(['0 stuck Terminated 20', '20 dns Terminated 10', '30 off']);
});

it('does not wait for a server that does not answer', async () => {
  const story = await shutDown([named('web')], { web: 1000 }, () => new Promise(() => {}));
  expect(story).toEqual(['2 web Terminated 20', '3 off']);
});
