import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodes } from '#proto/api/core/nodes.ts';
import { pods } from '#proto/api/core/pods.ts';
import { FakeClock } from '#proto/meta/clock.ts';
import { silent } from '#proto/meta/log.ts';
import { conflict, internalError } from '#proto/meta/status-error.ts';
import type { Pod, PodSpec } from '#proto/schema/generated/core-v1.ts';
import { RecordedEvents } from '#server/client/events.ts';
import { InformerFactory } from '#server/client/informer-factory.ts';
import { MemoryClient, type RecordedCall } from '#server/client/memory-client.ts';
import { aContainer, aNode, aPod } from './fixtures.ts';
import { Scheduler } from './scheduler.ts';

let clock: FakeClock;
let client: MemoryClient;
let events: RecordedEvents;
let stop: AbortController;

/** Lets everything run that waits for no clock. */
const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
};
const start = async (): Promise<void> => {
  const informers = new InformerFactory({ client, clock, log: silent, rng: () => 0 });
  informers.start(stop.signal);
  const options = { client, informers, events, clock, random: () => 0, log: silent };
  await new Scheduler({ ...options, schedulerName: 'default-scheduler' }).start(stop.signal);
  await settle();
};
const pass = async (ms: number): Promise<void> => {
  await clock.advance(ms);
  await settle();
};
const key = (name: string) => ({ namespace: 'default', name });
const create = async (name: string, spec: Partial<PodSpec> = {}, metadata = {}): Promise<Pod> => {
  const pod = await client.create(pods, aPod(name, spec, metadata));
  await settle();
  return pod;
};
const asking = (cpu: string): Partial<PodSpec> => ({ containers: [aContainer({ cpu })] });
const nodeOf = async (name: string): Promise<string | undefined> =>
  (await client.get(pods, key(name))).spec.nodeName;
const conditionOf = async (name: string) => (await client.get(pods, key(name))).status?.conditions?.[0];
const callsTo = (subresource: string): RecordedCall[] =>
  client.calls.filter((call) => call.subresource === subresource);
/** Runs `act` before the next binding is carried out, and lets it fail where `act` throws. */
const onNextBinding = (act: () => void | Promise<void>): void => {
  client.onCall = (call) => {
    if (call.subresource !== 'binding') return;
    client.onCall = undefined;
    return act();
  };
};

const NO_FIT =
  '0/1 nodes are available: 1 Insufficient cpu. ' +
  'preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.';
const TOO_LARGE =
  '0/1 nodes are available: 1 Insufficient cpu. ' +
  'preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.';

beforeEach(() => {
  clock = new FakeClock();
  client = new MemoryClient(() => clock.now());
  events = new RecordedEvents();
  stop = new AbortController();
});
afterEach(() => stop.abort());

describe('a Pod that fits', () => {
  it('is bound, and told so', async () => {
    await client.create(nodes, aNode('board-1'));
    await start();
    await create('web');
    expect(await nodeOf('web')).toBe('board-1');
    expect(events.told).toEqual(['Normal Scheduled Successfully assigned default/web to board-1']);
  });

  it('is bound where it was there before the scheduler', async () => {
    await client.create(pods, aPod('web'));
    await client.create(nodes, aNode('board-1'));
    await start();
    expect(await nodeOf('web')).toBe('board-1');
  });

  it('finds the room that those before it left, seen by the informer or not', async () => {
    await client.create(nodes, aNode('board-1', { allocatable: { cpu: '2' } }));
    await client.create(pods, aPod('old', { ...asking('1'), nodeName: 'board-1', schedulerName: 'mine' }));
    await client.create(pods, aPod('a', asking('1')));
    await client.create(pods, aPod('b', asking('1')));
    await start();
    expect([await nodeOf('a'), await nodeOf('b')]).toEqual(['board-1', undefined]);
  });

  it('goes first where its priority is higher', async () => {
    await client.create(nodes, aNode('board-1', { allocatable: { pods: '1' } }));
    await client.create(pods, aPod('low', { priority: 1 }));
    await client.create(pods, aPod('high', { priority: 2 }));
    await start();
    expect([await nodeOf('low'), await nodeOf('high')]).toEqual([undefined, 'board-1']);
  });

  it('takes no room from others once it has ended', async () => {
    await client.create(nodes, aNode('board-1', { allocatable: { cpu: '1' } }));
    const ended = { ...aPod('job', { ...asking('1'), nodeName: 'board-1' }), status: { phase: 'Succeeded' } };
    await client.create(pods, ended);
    await start();
    await create('web', asking('1'));
    expect(await nodeOf('web')).toBe('board-1');
  });

  it('is one of many', async () => {
    for (let i = 0; i < 4; i++) await client.create(nodes, aNode(`board-${i}`));
    for (let i = 0; i < 200; i++) await client.create(pods, aPod(`web-${i}`, asking('20m')));
    await start();
    for (let i = 0; i < 10; i++) await settle();
    const placed = (await client.list(pods)).items.map((pod) => pod.spec.nodeName);
    // Scores are whole per cents, so nodes that differ by less are equal.
    for (const name of ['board-0', 'board-1', 'board-2', 'board-3'])
      expect(Math.abs(placed.filter((nodeName) => nodeName === name).length - 50)).toBeLessThan(5);
    expect(callsTo('binding')).toHaveLength(200);
  });
});

describe('a Pod that is not ours', () => {
  it.each<[string, Partial<PodSpec>, object]>([
    ['has another scheduler', { schedulerName: 'mine' }, {}],
    ['has a gate', { schedulingGates: [{ name: 'example.com/wait' }] }, {}],
    ['is on its way out', {}, { deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: ['example.com/f'] }],
  ])('because it %s, is left alone', async (_, spec, metadata) => {
    await client.create(nodes, aNode('board-1'));
    await start();
    await create('web', spec, metadata);
    expect(client.calls.filter(({ resource, verb }) => resource === 'pods' && verb !== 'create')).toEqual([]);
    expect(events.told).toEqual([]);
  });

  it('is ours once its gates are gone', async () => {
    await client.create(nodes, aNode('board-1'));
    await start();
    const pod = await create('web', { schedulingGates: [{ name: 'example.com/wait' }] });
    await client.update(pods, { ...pod, spec: { ...pod.spec, schedulingGates: [] } });
    await settle();
    expect(await nodeOf('web')).toBe('board-1');
  });
});

describe('a Pod that does not fit', () => {
  it('says why, in an event and in its condition', async () => {
    await start();
    await create('web', asking('8'));
    const message = 'no nodes available to schedule pods';
    expect(events.told).toEqual([`Warning FailedScheduling ${message}`]);
    expect(await conditionOf('web')).toEqual({
      type: 'PodScheduled',
      observedGeneration: 1,
      status: 'False',
      reason: 'Unschedulable',
      message,
      lastTransitionTime: '2026-01-01T00:00:00Z',
    });
  });

  it('writes the condition again where it says something new only', async () => {
    await client.create(nodes, aNode('board-1'));
    await start();
    await create('web', asking('8'));
    expect(await conditionOf('web')).toMatchObject({ message: TOO_LARGE });
    for (const label of ['a', 'b']) {
      await pass(60_000);
      await client.patch(pods, key('web'), 'merge', { metadata: { labels: { label } } });
      await pass(60_000);
    }
    expect(await conditionOf('web')).toMatchObject({ lastTransitionTime: '2026-01-01T00:00:00Z' });
    expect(events.told).toEqual(Array(3).fill(`Warning FailedScheduling ${TOO_LARGE}`));
    expect(callsTo('status')).toHaveLength(1);
  });

  it('is not tried again while nothing changes', async () => {
    await client.create(nodes, aNode('board-1'));
    await start();
    await create('web', asking('8'));
    await pass(3_600_000);
    const heartbeat = aNode('board-1');
    heartbeat.status = { ...heartbeat.status, conditions: [{ type: 'Ready', status: 'True' }] };
    await client.update(nodes, heartbeat, { subresource: 'status' });
    await create('waits too', asking('8'));
    await client.delete(pods, key('waits too'));
    await pass(60_000);
    expect(events.told).toHaveLength(2);
  });

  it('is tried at once when a node comes that has room', async () => {
    await start();
    await create('web', asking('4'));
    await client.create(nodes, aNode('small', { allocatable: { cpu: '1' } }));
    await settle();
    await pass(60_000);
    expect(events.told).toHaveLength(1);
    await client.create(nodes, aNode('board-1'));
    await settle();
    expect(await nodeOf('web')).toBe('board-1');
  });

  it('is tried after its back-off where it is not sure that it fits', async () => {
    const company = {
      topologyKey: 'kubernetes.io/hostname',
      labelSelector: { matchLabels: { app: 'db' } },
    };
    await client.create(nodes, aNode('board-1'));
    await start();
    await create('web', {
      affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [company] } },
    });
    await create('other', {}, { labels: { app: 'other' } });
    await create('db', {}, { labels: { app: 'db' } });
    await pass(999);
    expect(await nodeOf('web')).toBeUndefined();
    await pass(1);
    expect(await nodeOf('web')).toBe('board-1');
  });

  it.each<[string, () => Promise<unknown>]>([
    ['a Pod is deleted', () => client.delete(pods, key('big'), { gracePeriodSeconds: 0 })],
    [
      'a Pod ends',
      async () =>
        client.patch(pods, key('big'), 'merge', { status: { phase: 'Failed' } }, { subresource: 'status' }),
    ],
    [
      'a Pod shrinks',
      () =>
        client.patch(pods, key('big'), 'strategic', {
          spec: { containers: [{ name: 'main', resources: { requests: { cpu: '1' } } }] },
        }),
    ],
    [
      'the node grows',
      () =>
        client.patch(
          nodes,
          { name: 'board-1' },
          'merge',
          { status: { allocatable: { cpu: '9' } } },
          {
            subresource: 'status',
          },
        ),
    ],
    [
      'it asks for less',
      () =>
        client.patch(pods, key('web'), 'strategic', {
          spec: { containers: [{ name: 'main', resources: { requests: { cpu: '0' } } }] },
        }),
    ],
  ])('is tried when %s', async (_, change) => {
    await client.create(nodes, aNode('board-1'));
    await client.create(pods, aPod('big', { ...asking('4'), nodeName: 'board-1' }));
    await start();
    await create('web', asking('2'));
    expect(await conditionOf('web')).toMatchObject({ message: NO_FIT });
    await pass(1_000);
    await change();
    await settle();
    expect(await nodeOf('web')).toBe('board-1');
  });

  it.each<[string, object]>([
    ['uncordoned', { unschedulable: null }],
    ['untainted', { taints: null }],
  ])('is tried when the node is %s', async (_, spec) => {
    const taints = [{ key: 'k', effect: 'NoSchedule' }];
    const was = 'taints' in spec ? { taints } : { unschedulable: true };
    await client.create(nodes, aNode('board-1', { spec: was }));
    await start();
    await create('web');
    await pass(1_000);
    await client.patch(nodes, { name: 'board-1' }, 'merge', { spec });
    await settle();
    expect(await nodeOf('web')).toBe('board-1');
  });

  it.each([
    ['deleted', []],
    ['on its way out, held by finalizers', ['example.com/f']],
  ])('is forgotten when it is %s', async (_, finalizers) => {
    await start();
    await create('web', {}, { finalizers });
    await client.delete(pods, key('web'));
    await pass(1_000);
    await client.create(nodes, aNode('board-1'));
    await pass(60_000);
    expect(callsTo('binding')).toEqual([]);
  });

  it('does not lend its reason to a later Pod of its name', async () => {
    let recreated: Promise<unknown> | undefined;
    client.onCall = (call) => {
      if (call.subresource !== 'status') return;
      client.onCall = undefined;
      recreated = client
        .delete(pods, key('web'))
        .then(() => client.create(pods, aPod('web', { schedulerName: 'mine' })));
      return recreated.then(() => {});
    };
    await start();
    await create('web');
    await recreated;
    await settle();
    expect(await conditionOf('web')).toBeUndefined();
  });
});

describe('a binding that fails', () => {
  beforeEach(async () => {
    await client.create(nodes, aNode('board-1', { allocatable: { cpu: '1' } }));
    await start();
  });

  it('is tried again after the back-off, and told', async () => {
    onNextBinding(() => {
      throw internalError('the store is away');
    });
    await create('web', asking('1'));
    expect(events.told[0]).toContain('Warning FailedScheduling');
    expect(events.told[0]).toContain('the store is away');
    expect(await conditionOf('web')).toMatchObject({ status: 'False', reason: 'SchedulerError' });
    await pass(999);
    expect(await nodeOf('web')).toBeUndefined();
    await pass(1);
    expect(await nodeOf('web')).toBe('board-1');
  });

  it('gives its room back at once', async () => {
    onNextBinding(() => {
      throw internalError('the store is away');
    });
    await create('web', asking('1'));
    await create('other', asking('1'));
    expect(await nodeOf('other')).toBe('board-1');
  });

  it('of a Pod that another has bound is given up silently', async () => {
    await client.create(nodes, aNode('board-2', { allocatable: { cpu: '1', pods: '1' } }));
    await settle();
    onNextBinding(async () => {
      await client.post(pods, key('web'), 'binding', { target: { name: 'board-2' } });
    });
    await create('web', asking('1'));
    await pass(60_000);
    expect(await nodeOf('web')).toBe('board-2');
    expect(events.told).toEqual([]);
    await create('next', asking('1'));
    expect(await nodeOf('next')).toBe('board-1');
  });

  it('for a conflict that leaves the Pod unbound is tried again', async () => {
    onNextBinding(() => {
      throw conflict({ group: '', resource: 'pods' }, 'web', 'the object has been modified');
    });
    await create('web', asking('1'));
    expect(events.told).toEqual([]);
    await pass(1_000);
    expect(await nodeOf('web')).toBe('board-1');
  });

  it('of a Pod that was deleted meanwhile leaves nothing behind', async () => {
    onNextBinding(() => client.delete(pods, key('web')));
    await create('web', asking('1'));
    await create('other', asking('1'));
    await pass(60_000);
    expect(await nodeOf('other')).toBe('board-1');
    expect(callsTo('binding')).toHaveLength(2);
  });
});

describe('a binding under way', () => {
  it('is not started again by an event that is older', async () => {
    await client.create(nodes, aNode('board-1'));
    await client.create(nodes, aNode('board-2'));
    await start();
    onNextBinding(async () => {
      await client.patch(pods, key('web'), 'merge', { metadata: { labels: { a: 'b' } } });
      await settle();
    });
    await create('web');
    await settle();
    expect(callsTo('binding')).toHaveLength(1);
    expect(await nodeOf('web')).toBe('board-1');
  });
});

describe('a watch that started over', () => {
  it('tells a Pod from an earlier one of its name', async () => {
    await client.create(nodes, aNode('board-1', { allocatable: { cpu: '1' } }));
    await start();
    await create('web', asking('1'));
    client.endWatches();
    await settle();
    await client.delete(pods, key('web'), { gracePeriodSeconds: 0 });
    await create('web', asking('1'));
    client.compact();
    await pass(60_000);
    expect(await nodeOf('web')).toBe('board-1');
  });
});

describe('a scheduler that was stopped', () => {
  it('binds nothing and waits for nothing', async () => {
    await start();
    await create('web');
    stop.abort();
    await client.create(nodes, aNode('board-1'));
    await settle();
    await create('late');
    await pass(60_000);
    expect(callsTo('binding')).toEqual([]);
  });
});
