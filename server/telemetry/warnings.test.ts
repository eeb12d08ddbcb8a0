import { expect, it } from 'vitest';
import { FakeClock } from '#proto/meta/clock.ts';
import { createLogger } from '#proto/meta/log.ts';
import type { Event } from '#proto/schema/generated/core-v1.ts';
import { publishWarnings, type WarningsOptions } from './warnings.ts';

const warning = (name: string, message = 'it is late'): Event =>
  ({
    metadata: { name, namespace: 'home' },
    involvedObject: { kind: 'Pod', namespace: 'home', name },
    ...{ type: 'Warning', reason: 'Late', message, count: 3, lastTimestamp: '2026-11-20T12:00:00Z' },
  }) as Event;

async function told(events: readonly Event[]): Promise<readonly Record<string, unknown>[]> {
  const stop = new AbortController();
  const payloads: string[] = [];
  const asked: string[] = [];
  const client = {
    list: async (_: unknown, { fieldSelector = '' } = {}) => {
      asked.push(fieldSelector);
      if (asked.length === 1) throw new Error('not yet');
      return { metadata: { resourceVersion: '7' }, items: [] };
    },
    async *watch(_: unknown, { resourceVersion = '' }) {
      asked.push(resourceVersion);
      for (const object of events) yield { type: 'ADDED', object };
      stop.abort();
    },
  } as unknown as WarningsOptions['client'];
  const clock = new FakeClock();
  const running = publishWarnings(
    {
      ...{ client, clock, random: () => 0, log: createLogger('error') },
      tell: (_topic, payload) => void payloads.push(payload),
    },
    stop.signal,
  );
  while (!stop.signal.aborted) await clock.advance(1_000);
  await running;
  expect(asked).toEqual(['type=Warning', 'type=Warning', '7']);
  return payloads.map((payload) => JSON.parse(payload) as Record<string, unknown>);
}

it('tells what happens from now on, after a failure too', async () => {
  expect(await told([warning('web', 'x'.repeat(1_000))])).toEqual([
    {
      ...{ ts: '2026-11-20T12:00:00Z', kind: 'Pod', namespace: 'home', name: 'web', reason: 'Late' },
      ...{ message: `${'x'.repeat(400)}\u2026`, count: 3 },
    },
  ]);
});

it('tells the first of a burst', async () => {
  const burst = Array.from({ length: 500 }, (_, i) => warning(`web-${i}`));
  expect((await told(burst)).length).toBeLessThanOrEqual(21);
});
