import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import type { LinkClient, Welcome } from '#proto/agent/generated/link.ts';
import { FakeClock } from '#proto/meta/clock.ts';
import { silent } from '#proto/meta/log.ts';
import type { DesiredStore } from './desired-store.ts';
import { Link } from './session.ts';

const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1));

/** Waits in seconds between the end of each session and the next try. `lives`: how sessions go, one after the other. */
async function waitsAfter(lives: readonly { welcome: boolean; seconds: number }[]): Promise<number[]> {
  const clock = new FakeClock();
  const stop = new AbortController();
  const waits: number[] = [];
  let endedMs: number | undefined;
  let next = 0;
  const connect = (): LinkClient => {
    if (endedMs !== undefined) waits.push(Math.round((clock.now() - endedMs) / 1000));
    const life = lives[next++];
    const call = Object.assign(new EventEmitter(), { write: () => true, cancel: () => {} });
    if (life?.welcome) {
      const value: Welcome = {} as Welcome;
      void Promise.resolve().then(() => call.emit('data', { message: { $case: 'welcome', value } }));
    }
    void clock.sleep((life?.seconds ?? 1e6) * 1000, stop.signal).then(
      () => {
        endedMs = clock.now();
        call.emit('error', new Error('gone'));
      },
      () => undefined,
    );
    // What the link needs of a client, and no more.
    return { session: () => call, close: () => {} } as unknown as LinkClient;
  };
  const link = new Link({
    connect,
    nodeName: 'pi',
    bootId: 'b',
    version: 'test',
    hardware: '',
    desired: { have: () => ({}) } as DesiredStore,
    onOpenStream: () => {},
    onWelcome: () => {},
    clock,
    random: () => 0.999,
    log: silent,
  });
  const done = link.run(stop.signal);
  for (let i = 0; i < 400 && waits.length < lives.length; i++) {
    await settle();
    await clock.advance(500);
  }
  stop.abort();
  await done;
  return waits;
}

describe('reconnecting', () => {
  it.each<[string, Parameters<typeof waitsAfter>[0], readonly number[]]>([
    ['waits longer each time', Array(4).fill({ welcome: false, seconds: 1 }), [1, 2, 4, 8]],
    ['and after tries that hang, too', Array(4).fill({ welcome: false, seconds: 15 }), [1, 2, 4, 8]],
    ['and where sessions break at once', Array(4).fill({ welcome: true, seconds: 1 }), [1, 2, 4, 8]],
    [
      'begins anew after a session that was healthy',
      [
        { welcome: false, seconds: 1 },
        { welcome: false, seconds: 1 },
        { welcome: true, seconds: 20 },
        { welcome: false, seconds: 1 },
      ],
      [1, 2, 1, 2],
    ],
  ])('%s', async (_name, lives, waits) => {
    expect(await waitsAfter(lives)).toEqual(waits);
  });
});
