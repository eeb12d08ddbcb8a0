/** A board's health on MQTT, as a dashboard sees it: Debian's mosquitto, started by the server, and mosquitto_sub. */
import { beforeAll, expect, it } from 'vitest';
import type { NodeConditions, NodeState } from '#proto/agent/mqtt-topics.ts';
import { validateDiscovery } from '#server/telemetry/testing/discovery-validator.ts';
import { eventually } from '../support/boards/eventually.ts';
import { availability, holds, Mqtt } from '../support/cluster/mqtt.ts';
import { useCluster } from '../support/cluster/use-cluster.ts';

const cluster = useCluster({
  boards: 2,
  serverOn: 'board',
  serverFlags: ['--mqtt', 'managed', '--mqtt-interval', '10'],
});
const mqtt = new Mqtt(cluster);
beforeAll(async () => {
  await mqtt.createUser('dashboard');
  await mqtt.createUser('home-assistant', '--access', 'read-write');
});

it('shows boards that come up: availability, state, conditions, discovery', async () => {
  await mqtt.becomes(availability('board-1'), 'online');
  await mqtt.becomes(availability('board-2'), 'online');
  await mqtt.becomes('coracle/v1/cluster/availability', 'online');
  const payload = await eventually(
    async () => {
      const text = await mqtt.value('coracle/v1/nodes/board-1/state');
      if (!text) throw new Error('no state yet');
      return text;
    },
    { timeoutMs: 60_000 },
  );
  expect(payload.length).toBeLessThanOrEqual(400);
  const state = JSON.parse(payload) as NodeState;
  expect(state).toMatchObject({ v: 1, node: 'board-1' });
  expect(state.mem_pct).toBeGreaterThan(0);
  await holds(async () => {
    const conditions = await mqtt.value('coracle/v1/cluster/nodes/board-1/conditions');
    expect(JSON.parse(conditions ?? '') as NodeConditions).toMatchObject({
      ready: true,
      unschedulable: false,
    });
  });
  const devices = await eventually(async () => {
    const told = await mqtt.listen('homeassistant/device/+/config');
    return told.size === 3 && told;
  });
  for (const [topic, device] of devices) expect(validateDiscovery(topic, device)).toEqual([]);
});

it('says what the cluster does to a node', async () => {
  await cluster().kubectl.ok('cordon board-2');
  await holds(async () => {
    const text = await mqtt.value('coracle/v1/cluster/nodes/board-2/conditions');
    expect(JSON.parse(text ?? '')).toMatchObject({ unschedulable: true });
  });
  await cluster().kubectl.ok('uncordon board-2');
});

it('answers the birth of Home Assistant with everything again', async () => {
  const live = await mqtt.subscribe('dashboard', '-R -t homeassistant/device/+/config', '%t');
  try {
    const birth = await mqtt.run('home-assistant', 'mosquitto_pub', '-t homeassistant/status -m online -q 1');
    expect(birth.code).toBe(0);
    // Within the ten seconds that Home Assistant asks for, not at once.
    await eventually(() => new Set(live.output.match(/^homeassistant\/\S+$/gm)).size === 3);
  } finally {
    await live.stop();
  }
});

it('lets nobody speak for another', async () => {
  const board = cluster().board('board-1');
  const pki = '/var/lib/coracle/agent/pki';
  const server = cluster().serverBoard?.ip ?? '';
  const tls = ['--cafile', `${pki}/ca.crt`, '--cert', `${pki}/node.crt`, '--key', `${pki}/node.key`];
  const forge = (topic: string) =>
    board.exec([
      ...['mosquitto_pub', '-h', server, '-p', '8883', '-V', 'mqttv5', ...tls],
      ...['-r', '-q', '1', '-t', topic, '-m', 'forged'],
    ]);
  // Its own name it may use: the refusals below are of the topic, not of the connection.
  await forge('coracle/v1/nodes/board-1/note');
  await mqtt.becomes('coracle/v1/nodes/board-1/note', 'forged');
  const forbidden = [
    'coracle/v1/nodes/board-2/note',
    'coracle/v1/cluster/note',
    'homeassistant/device/forged/config',
  ];
  for (const topic of forbidden) await forge(topic);
  await mqtt.run('dashboard', 'mosquitto_pub', '-r -q 1 -t coracle/v1/nodes/board-2/note -m forged');
  const everything = await mqtt.listen('#');
  for (const topic of forbidden) expect(everything.has(topic)).toBe(false);
  const anonymous = await mqtt.onServer(['mosquitto_sub', '-h', '127.0.0.1', '-t', '#', '-W', '2']);
  expect(anonymous.code).not.toBe(0);
  const nobody = await board.exec([
    ...['mosquitto_sub', '-h', server, '-p', '8883', '--cafile', `${pki}/ca.crt`, '-t', '#', '-W', '2'],
  ]);
  expect(nobody.code).not.toBe(0);
});

it('shows a power cut by the last will, forgets the values, and sees the board again', async () => {
  const board = cluster().board('board-2');
  await board.powerCut();
  await mqtt.becomes(availability('board-2'), 'offline');
  await mqtt.becomes('coracle/v1/nodes/board-2/state', undefined);
  await board.boot();
  await mqtt.becomes(availability('board-2'), 'online', 120_000);
});

it('lets users come and go while the broker runs', async () => {
  expect(await mqtt.user('list')).toMatch(/^dashboard +read-only$/m);
  await mqtt.createUser('guest');
  const enters = async (): Promise<number | null> => {
    const { code } = await mqtt.run('guest', 'mosquitto_pub', '-t x -m y -q 0');
    return code;
  };
  await holds(async () => expect(await enters()).toBe(0));
  await mqtt.user('delete', 'guest');
  await holds(async () => expect(await enters()).not.toBe(0));
});

it('goes on without its broker, and the broker comes back', async () => {
  const kill = await mqtt.onServer(['pkill', '-KILL', '-x', 'mosquitto']);
  expect(kill.code).toBe(0);
  await cluster().nodesReady();
  await mqtt.becomes(availability('board-1'), 'online', 90_000);
  await mqtt.becomes('coracle/v1/cluster/availability', 'online');
});

it('says goodbye when an agent stops, and removes what a deleted node left', async () => {
  const board = cluster().board('board-2');
  await board.stopService('agent');
  await mqtt.becomes(availability('board-2'), 'offline');
  await cluster().kubectl.ok('delete node board-2');
  await holds(async () => {
    const all = await mqtt.listen('#');
    const left = [...all.keys()].filter((topic) => topic.includes('board-2') && !topic.endsWith('/state'));
    expect(left).toEqual([]);
  });
});
