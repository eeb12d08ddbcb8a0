import { describe, expect, it } from 'vitest';
import { events } from '#proto/api/core/events.ts';
import { FakeClock } from '#proto/meta/clock.ts';
import { silent } from '#proto/meta/log.ts';
import { ApiEventRecorder } from '#server/client/events.ts';
import { MemoryClient } from '#server/client/memory-client.ts';

const aRecorder = () => {
  const client = new MemoryClient();
  const clock = new FakeClock();
  const recorder = new ApiEventRecorder({ client, clock, log: silent, component: 'test-controller' });
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web', namespace: 'shop', uid: 'u1' } };
  const read = async () => {
    await recorder.flushed();
    return (await client.list(events)).items.map((e) => `${e.count} ${e.reason} ${e.message}`);
  };
  return { client, clock, recorder, pod, read };
};

describe('ApiEventRecorder', () => {
  it('counts what repeats, and tells the rest apart', async () => {
    const { recorder, pod, read } = aRecorder();
    for (const message of ['back-off', 'back-off', 'other', 'back-off']) {
      recorder.event(pod, { type: 'Warning', reason: 'BackOff', message });
    }
    expect(await read()).toEqual(['3 BackOff back-off', '1 BackOff other']);
  });

  it('writes in the namespace of the object, with its reference', async () => {
    const { client, recorder, pod } = aRecorder();
    recorder.event(pod, { type: 'Normal', reason: 'Killing', message: 'Stopping container' });
    await recorder.flushed();
    const [event] = (await client.list(events)).items;
    expect(event?.metadata.namespace).toBe('shop');
    expect(event?.involvedObject).toMatchObject({ kind: 'Pod', name: 'web', uid: 'u1' });
    expect(event?.source).toEqual({ component: 'test-controller' });
  });

  it('names an event by its time in nanoseconds, as boards do: a list shows them in their order', async () => {
    const { client, clock, recorder, pod } = aRecorder();
    recorder.event(pod, { type: 'Normal', reason: 'Scheduled', message: 'assigned' });
    await recorder.flushed();
    const [event] = (await client.list(events)).items;
    const stamp = BigInt(`0x${event?.metadata.name?.replace('web.', '')}`);
    expect(stamp / 1_000_000n).toBe(BigInt(clock.now()));
  });

  it('combines a flood of similar events, and one object cannot flood the store', async () => {
    const { clock, recorder, pod, read } = aRecorder();
    for (let i = 0; i < 40; i += 1) {
      recorder.event(pod, { type: 'Warning', reason: 'Failed', message: `attempt ${i}` });
    }
    const told = await read();
    expect(told).toHaveLength(11);
    expect(told[10]).toBe('15 Failed (combined from similar events): attempt 24');
    await clock.advance(300_000);
    recorder.event(pod, { type: 'Normal', reason: 'Started', message: 'again' });
    expect(await read()).toHaveLength(12);
  });
});
