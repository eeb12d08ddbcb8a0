/** Preemption as it happens: who is sent away, who waits for it, and who gets the room. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodes } from '#proto/api/core/nodes.ts';
import { pods } from '#proto/api/core/pods.ts';
import { internalError } from '#proto/meta/status-error.ts';
import { aNode } from './fixtures.ts';
import { SchedulerHarness } from './testing/harness.ts';

let h: SchedulerHarness;
const low = { priority: 1 };
const high = { priority: 10 };
const victim = () => h.pod('low');
const isLeaving = async (name: string): Promise<boolean> =>
  (await h.pod(name)).metadata.deletionTimestamp !== undefined;

beforeEach(() => {
  h = new SchedulerHarness();
});
afterEach(() => h.stop());

describe('a Pod that is more important', () => {
  beforeEach(async () => {
    await h.boards('1');
    await h.start();
    await h.create('low', '1', low);
    await h.create('high', '1', high, { uid: 'the-uid' });
  });

  it('has another sent away, with its grace, and everybody is told', async () => {
    expect((await victim()).metadata.deletionGracePeriodSeconds).toBe(30);
    expect((await victim()).status?.conditions).toEqual([
      {
        type: 'DisruptionTarget',
        observedGeneration: 1,
        status: 'True',
        reason: 'PreemptionByScheduler',
        message: 'default-scheduler: preempting to accommodate a higher priority pod',
        lastTransitionTime: '2026-01-01T00:00:00Z',
      },
    ]);
    expect(h.events.told).toContain('Normal Preempted Preempted by pod the-uid on node board-0');
    expect((await h.pod('high')).status?.nominatedNodeName).toBe('board-0');
    expect(await h.messageOf('high')).toBe('0/1 nodes are available: 1 Insufficient cpu.');
  });

  it('gets the room as soon as it is there, without a back-off', async () => {
    await h.letGo();
    expect(await h.nodeOf('high')).toBe('board-0');
  });

  it('sends nobody else away while it waits', async () => {
    await h.pass(20_000);
    await h.client.patch(pods, { namespace: 'default', name: 'high' }, 'merge', {
      metadata: { labels: { a: 'b' } },
    });
    await h.pass(20_000);
    expect(h.calls('delete')).toHaveLength(1);
    expect(await h.messageOf('high')).toContain(
      'preemption: not eligible due to a terminating pod on the nominated node.',
    );
  });

  it('keeps the room from Pods that are no more important', async () => {
    await h.create('rival', '1', high);
    await h.letGo();
    expect([await h.nodeOf('high'), await h.nodeOf('rival')]).toEqual(['board-0', undefined]);
  });

  it('yields it to one that is, and waits for another', async () => {
    await h.create('higher', '1', { priority: 20 });
    expect((await h.pod('high')).status?.nominatedNodeName).toBeUndefined();
    await h.letGo();
    await h.pass(20_000);
    expect([await h.nodeOf('higher'), await h.nodeOf('high')]).toEqual(['board-0', undefined]);
  });

  it('leaves the room to others when it is deleted', async () => {
    await h.create('small', '1', { priority: 0 });
    await h.remove('high');
    await h.letGo();
    expect(await h.nodeOf('small')).toBe('board-0');
  });

  it('goes elsewhere where room comes up sooner', async () => {
    await h.client.create(nodes, {
      ...(await h.client.get(nodes, { name: 'board-0' })),
      metadata: { name: 'new' },
    });
    await h.settle();
    expect(await h.nodeOf('high')).toBe('new');
    await h.letGo();
    await h.create('next', '1', low);
    expect(await h.nodeOf('next')).toBe('board-0');
  });

  it('looks for another place when its node goes away', async () => {
    await h.client.delete(nodes, { name: 'board-0' });
    await h.pass(20_000);
    expect(await h.messageOf('high')).toBe('no nodes available to schedule pods');
    await h.client.create(nodes, { ...aNode('other') });
    await h.pass(20_000);
    expect(await h.nodeOf('high')).toBe('other');
  });
});

it('leaves alone whom it need not send away', async () => {
  await h.boards('2', '2');
  await h.start();
  await h.create('low', '1', low);
  await h.create('high', '1', high);
  expect(h.calls('delete')).toEqual([]);
});

it('tries again where a Pod could not be sent away', async () => {
  await h.boards('1');
  await h.start();
  await h.create('low', '1', low);
  let failures = 1;
  h.client.onCall = ({ verb }) => {
    if (verb === 'delete' && failures-- > 0) throw internalError('the store is away');
  };
  await h.create('high', '1', high);
  expect(await isLeaving('low')).toBe(false);
  await h.pass(20_000);
  expect(await isLeaving('low')).toBe(true);
});

it('knows after a restart who waits where', async () => {
  await h.boards('1');
  await h.create('low', '1', { ...low, nodeName: 'board-0' });
  await h.create('high', '1', high);
  await h.client.patch(
    pods,
    { namespace: 'default', name: 'high' },
    'merge',
    { status: { nominatedNodeName: 'board-0' } },
    { subresource: 'status' },
  );
  await h.client.patch(
    pods,
    { namespace: 'default', name: 'low' },
    'merge',
    {
      status: { conditions: [{ type: 'DisruptionTarget', status: 'True', reason: 'PreemptionByScheduler' }] },
    },
    { subresource: 'status' },
  );
  await h.client.delete(pods, { namespace: 'default', name: 'low' });
  await h.start();
  await h.create('rival', '1', high);
  expect(h.calls('delete')).toHaveLength(1);
  await h.letGo();
  expect([await h.nodeOf('high'), await h.nodeOf('rival')]).toEqual(['board-0', undefined]);
});
