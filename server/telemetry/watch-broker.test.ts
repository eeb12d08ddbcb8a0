import { expect, it } from 'vitest';
import { FakeClock } from '#proto/meta/clock.ts';
import { watchBroker } from './watch-broker.ts';

it('ends a broker that does not let us in, again and again, and leaves one alone that does', async () => {
  const clock = new FakeClock();
  const stop = new AbortController();
  const connection = { connected: true, awaySinceMs: clock.now() };
  let restarts = 0;
  const watching = watchBroker({ restart: () => void restarts++ }, connection, clock, stop.signal);
  const pass = async (seconds: number): Promise<void> => {
    for (let i = 0; i < seconds; i += 10) await clock.advance(10_000);
  };
  await pass(600);
  expect(restarts).toBe(0);
  connection.connected = false;
  connection.awaySinceMs = clock.now();
  await pass(80);
  expect(restarts).toBe(0);
  await pass(110);
  expect(restarts).toBeGreaterThan(0);
  connection.connected = true;
  const before = restarts;
  await pass(600);
  expect(restarts).toBe(before);
  stop.abort();
  await watching;
});
