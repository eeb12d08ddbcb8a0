import { afterEach, expect, it } from 'vitest';
import type { MqttMessage } from '#proto/agent/mqtt-connection.ts';
import { FakeClock } from '#proto/meta/clock.ts';
import type { Node, Pod } from '#proto/schema/generated/core-v1.ts';
import type { ChangeListener } from '#server/client/informer.ts';
import { ClusterPublisher } from './cluster-publisher.ts';
import type { Workloads } from './conditions.plan.ts';

/** The part of an informer that the publisher uses. */
class FakeInformer<T extends Node | Pod> {
  readonly #objects = new Map<string, T>();
  readonly #listeners = new Set<ChangeListener<T>>();
  list = (): T[] => [...this.#objects.values()];
  get = (name: string): T | undefined => this.#objects.get(name);
  onChange = (listener: ChangeListener<T>): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };
  set(object: T): void {
    this.#objects.set(object.metadata.name ?? '', object);
    for (const listener of this.#listeners) listener('MODIFIED', object, undefined);
  }
  delete(name: string): void {
    const object = this.#objects.get(name);
    this.#objects.delete(name);
    if (object) for (const listener of this.#listeners) listener('DELETED', object, object);
  }
}

class FakeConnection {
  readonly published: MqttMessage[] = [];
  readonly removed: string[] = [];
  republished = 0;
  publish = (message: MqttMessage): void => void this.published.push(message);
  remove = (topic: string): void => void this.removed.push(topic);
  republish = (): void => void this.republished++;
  take(): string[] {
    return this.published.splice(0).map(({ topic }) => topic);
  }
}

const aNode = (name: string, ready = 'True'): Node =>
  ({
    metadata: { name },
    spec: {},
    status: { conditions: [{ type: 'Ready', status: ready }] },
  }) as Node;

let stop = new AbortController();
afterEach(() => stop.abort());

function setUp() {
  stop = new AbortController();
  const clock = new FakeClock();
  const nodes = new FakeInformer<Node>();
  const pods = new FakeInformer<Pod>();
  const connection = new FakeConnection();
  const facts = { clusterId: 'c1', version: '1', intervalMs: 30_000 };
  const deployments: Workloads['deployments'][number][] = [];
  const world = { deployments, commandUser: undefined as string | undefined };
  const publisher = new ClusterPublisher({
    ...{ connection, nodes, pods, facts, clock, random: () => 0.5 },
    workloads: () => ({ deployments, statefulSets: [], daemonSets: [], jobs: [] }),
    commandUser: () => world.commandUser,
  });
  nodes.set(aNode('pi-1'));
  void publisher.run(stop.signal);
  const settle = async (): Promise<void> => {
    await clock.advance(1_000);
    await clock.advance(1_000);
  };
  return { clock, nodes, pods, connection, publisher, world, settle };
}

const PI_1 = 'homeassistant/device/coracle_c1_pi-1/config';
const CONDITIONS = 'coracle/v1/cluster/nodes/pi-1/conditions';

it("says the cluster's device before those that refer to it, all retained", async () => {
  const { connection, settle } = setUp();
  await settle();
  expect(connection.published.every(({ retain, qos }) => retain && qos === 1)).toBe(true);
  expect(connection.take()).toEqual([
    'homeassistant/device/coracle_c1/config',
    PI_1,
    CONDITIONS,
    'coracle/v1/cluster/state',
  ]);
});

it('says only what changed', async () => {
  const { connection, nodes, settle } = setUp();
  await settle();
  connection.take();
  nodes.set(aNode('pi-1'));
  await settle();
  expect(connection.take()).toEqual([]);
  nodes.set(aNode('pi-1', 'False'));
  await settle();
  expect(connection.take()).toEqual([CONDITIONS, 'coracle/v1/cluster/state']);
});

it('removes what a deleted node left, and says it again when the node comes back', async () => {
  const { connection, nodes, settle } = setUp();
  await settle();
  connection.take();
  nodes.delete('pi-1');
  await settle();
  expect(connection.removed).toEqual([
    PI_1,
    CONDITIONS,
    'coracle/v1/nodes/pi-1/state',
    'coracle/v1/nodes/pi-1/availability',
  ]);
  expect(connection.take()).toEqual(['coracle/v1/cluster/state']);
  nodes.set(aNode('pi-1'));
  await settle();
  expect(connection.take()).toEqual([PI_1, CONDITIONS, 'coracle/v1/cluster/state']);
});

it('removes devices of nodes that went while nobody was there to say it, and no others', async () => {
  const { connection, publisher, settle } = setUp();
  await settle();
  for (const id of ['coracle_c1', 'coracle_c1_pi-1', 'coracle_c2_pi-9', 'kitchen_lamp'])
    publisher.receive(`homeassistant/device/${id}/config`, '{}', true);
  expect(connection.removed).toEqual([]);
  publisher.receive('homeassistant/device/coracle_c1_pi-9/config', '', true);
  expect(connection.removed).toEqual([]);
  publisher.receive('homeassistant/device/coracle_c1_pi-9_lan/config', '{}', true);
  expect(connection.removed[0]).toBe('homeassistant/device/coracle_c1_pi-9_lan/config');
  expect(connection.removed[3]).toBe('coracle/v1/nodes/pi-9.lan/availability');
});

it('answers a birth of Home Assistant within ten seconds, but not at once', async () => {
  const { clock, connection, publisher, settle } = setUp();
  await settle();
  publisher.receive('homeassistant/status', 'offline', false);
  publisher.receive('homeassistant/status', 'online', true);
  for (let i = 0; i < 1_000; i++) publisher.receive('homeassistant/status', 'online', false);
  await clock.advance(4_999);
  expect(connection.republished).toBe(0);
  await clock.advance(1);
  await Promise.resolve();
  expect(connection.republished).toBe(1);
});

it('has switches and buttons only while somebody may command, and takes them away', async () => {
  const { connection, publisher, world, settle } = setUp();
  world.deployments.push(
    {
      metadata: {
        namespace: 'home',
        name: 'web',
        annotations: { 'coracle.dev/home-assistant-button': 'true' },
      },
    } as never,
    { metadata: { namespace: 'home', name: 'other' } } as never,
  );
  for (const deployment of world.deployments) Object.assign(deployment, { spec: { replicas: 1 } });
  const entities = (topic: string): Record<string, { p: string; uniq_id?: string; cmd_t?: string }> => {
    const message = connection.published.findLast((one) => one.topic === topic);
    return (JSON.parse(message?.payload ?? '') as { cmps: Record<string, { p: string }> }).cmps;
  };
  const CLUSTER = 'homeassistant/device/coracle_c1/config';
  await settle();
  expect(entities(PI_1)['unschedulable']?.uniq_id).toBeDefined();
  expect(Object.keys(entities(CLUSTER)).filter((key) => key.startsWith('restart'))).toEqual([]);
  world.commandUser = 'home-assistant';
  publisher.changed();
  await settle();
  expect(entities(PI_1)).toMatchObject({
    cordon: { p: 'switch', cmd_t: 'coracle/v1/cmd/home-assistant/nodes/pi-1/cordon' },
    reboot: { p: 'button', en: false },
    unschedulable: { p: 'binary_sensor' },
  });
  expect(entities(PI_1)['unschedulable']).toEqual({ p: 'binary_sensor' });
  expect(entities(CLUSTER)['restart_home_web']?.cmd_t).toBe(
    'coracle/v1/cmd/home-assistant/namespaces/home/deployments/web/restart',
  );
  world.commandUser = undefined;
  publisher.changed();
  await settle();
  expect(entities(PI_1)['cordon']).toEqual({ p: 'switch' });
  expect(entities(PI_1)['reboot']).toEqual({ p: 'button' });
  expect(entities(CLUSTER)['restart_home_web']).toEqual({ p: 'button' });
});

it('removes entities that an earlier run left at the broker', async () => {
  const { connection, publisher, settle } = setUp();
  await settle();
  connection.take();
  const cmps = {
    old: { p: 'sensor', uniq_id: 'x' },
    gone: { p: 'button' },
    cpu: { p: 'sensor', uniq_id: 'y' },
  };
  publisher.receive(PI_1, JSON.stringify({ cmps }), true);
  publisher.receive(PI_1, 'no JSON', true);
  await settle();
  const [message] = connection.published;
  expect(connection.take()).toEqual([PI_1]);
  const said = (JSON.parse(message?.payload ?? '') as { cmps: Record<string, object> }).cmps;
  expect(said['old']).toEqual({ p: 'sensor' });
  expect(said['gone']).toBeUndefined();
});
