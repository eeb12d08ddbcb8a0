/** A board's health on MQTT, as a dashboard sees it: Debian's mosquitto, started by the server, and mosquitto_sub. */
import { beforeAll, expect, it } from 'vitest';
import type { NodeConditions, NodeState } from '#proto/agent/mqtt-topics.ts';
import { validateDiscovery } from '#server/telemetry/testing/discovery-validator.ts';
import { eventually } from '../support/boards/eventually.ts';
import type { CommandResult } from '../support/boards/shell.ts';
import { CORACLE } from '../support/cluster/cluster.ts';
import { useCluster } from '../support/cluster/use-cluster.ts';

const cluster = useCluster({
  boards: 2,
  serverOn: 'board',
  serverFlags: ['--mqtt', 'managed', '--mqtt-interval', '10'],
});

const onServer = (argv: readonly string[]): Promise<CommandResult> => {
  const board = cluster().serverBoard;
  if (!board) throw new Error('the server has no board');
  return board.exec(argv);
};

const KUBECONFIG = ['--kubeconfig', '/etc/coracle/kubeconfig.yaml'];
const mqttUser = async (...args: readonly string[]): Promise<string> => {
  const { code, stdout, stderr } = await onServer([...CORACLE, 'mqtt', 'user', ...args, ...KUBECONFIG]);
  if (code !== 0) throw new Error(stderr);
  return stdout.trim();
};
const passwords = new Map<string, string>();
beforeAll(async () => {
  passwords.set('dashboard', await mqttUser('create', 'dashboard'));
  passwords.set('home-assistant', await mqttUser('create', 'home-assistant', '--access', 'read-write'));
});

const asUser = (program: string, user: string): readonly string[] => [
  program,
  ...['-h', '127.0.0.1', '-p', '1883', '-V', 'mqttv5', '-u', user, '-P', passwords.get(user) ?? ''],
];

/** What the broker holds or gets within the time, by topic; '' for what was removed. */
async function listen(topic: string, seconds = 2): Promise<ReadonlyMap<string, string>> {
  const { stdout } = await onServer([
    ...asUser('mosquitto_sub', 'dashboard'),
    ...['-t', topic, '-W', String(seconds), '-F', '%t %p'],
  ]);
  return new Map(
    stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => {
        const at = line.indexOf(' ');
        return [line.slice(0, at), line.slice(at + 1)];
      }),
  );
}

const value = async (topic: string): Promise<string | undefined> => (await listen(topic)).get(topic);

/** Repeats until nothing in it throws. */
const holds = (check: () => Promise<void>, timeoutMs = 60_000): Promise<boolean> =>
  eventually(() => check().then(() => true), { timeoutMs });

const becomes = (topic: string, wanted: string | undefined, timeoutMs?: number): Promise<boolean> =>
  holds(async () => expect(await value(topic)).toBe(wanted), timeoutMs);

const availability = (node: string): string => `coracle/v1/nodes/${node}/availability`;

it('shows boards that come up: availability, state, conditions, discovery', async () => {
  await becomes(availability('board-1'), 'online');
  await becomes(availability('board-2'), 'online');
  await becomes('coracle/v1/cluster/availability', 'online');
  const payload = await eventually(
    async () => {
      const text = await value('coracle/v1/nodes/board-1/state');
      if (!text) throw new Error('no state yet');
      return text;
    },
    { timeoutMs: 60_000 },
  );
  expect(payload.length).toBeLessThanOrEqual(400);
  const state = JSON.parse(payload) as NodeState;
  expect(state).toMatchObject({ v: 1, node: 'board-1' });
  expect(state.mem_pct).toBeGreaterThan(0);
  const conditions = await value('coracle/v1/cluster/nodes/board-1/conditions');
  expect(JSON.parse(conditions ?? '') as NodeConditions).toMatchObject({ ready: true, unschedulable: false });
  const devices = await listen('homeassistant/device/+/config');
  expect(devices.size).toBe(3);
  for (const [topic, device] of devices) expect(validateDiscovery(topic, device)).toEqual([]);
});

it('says what the cluster does to a node', async () => {
  await cluster().kubectl.ok('cordon board-2');
  await holds(async () => {
    const text = await value('coracle/v1/cluster/nodes/board-2/conditions');
    expect(JSON.parse(text ?? '')).toMatchObject({ unschedulable: true });
  });
  await cluster().kubectl.ok('uncordon board-2');
});

it('answers the birth of Home Assistant with everything again', async () => {
  const live = onServer([
    ...asUser('mosquitto_sub', 'dashboard'),
    ...['-R', '-t', 'homeassistant/device/+/config', '-C', '3', '-W', '14', '-F', '%t'],
  ]);
  await new Promise((resolve) => setTimeout(resolve, 500));
  const birth = await onServer([
    ...asUser('mosquitto_pub', 'home-assistant'),
    ...['-t', 'homeassistant/status', '-m', 'online', '-q', '1'],
  ]);
  expect(birth.code).toBe(0);
  expect((await live).stdout.trim().split('\n')).toHaveLength(3);
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
  await becomes('coracle/v1/nodes/board-1/note', 'forged', 10_000);
  const forbidden = [
    'coracle/v1/nodes/board-2/note',
    'coracle/v1/cluster/note',
    'homeassistant/device/forged/config',
  ];
  for (const topic of forbidden) await forge(topic);
  await onServer([
    ...asUser('mosquitto_pub', 'dashboard'),
    ...['-r', '-q', '1', '-t', 'coracle/v1/nodes/board-2/note', '-m', 'forged'],
  ]);
  const everything = await listen('#');
  for (const topic of forbidden) expect(everything.has(topic)).toBe(false);
  const anonymous = await onServer(['mosquitto_sub', '-h', '127.0.0.1', '-t', '#', '-W', '2']);
  expect(anonymous.code).not.toBe(0);
  const nobody = await board.exec([
    ...['mosquitto_sub', '-h', server, '-p', '8883', '--cafile', `${pki}/ca.crt`, '-t', '#', '-W', '2'],
  ]);
  expect(nobody.code).not.toBe(0);
});

it('shows a power cut by the last will, forgets the values, and sees the board again', async () => {
  const board = cluster().board('board-2');
  await board.powerCut();
  await becomes(availability('board-2'), 'offline');
  await becomes('coracle/v1/nodes/board-2/state', undefined);
  await board.boot();
  await becomes(availability('board-2'), 'online', 120_000);
});

it('lets users come and go while the broker runs', async () => {
  expect(await mqttUser('list')).toMatch(/^dashboard +read-only$/m);
  passwords.set('guest', await mqttUser('create', 'guest'));
  const enters = async (): Promise<number | null> => {
    const { code } = await onServer([...asUser('mosquitto_pub', 'guest'), '-t', 'x', '-m', 'y', '-q', '0']);
    return code;
  };
  await holds(async () => expect(await enters()).toBe(0), 10_000);
  await mqttUser('delete', 'guest');
  await holds(async () => expect(await enters()).not.toBe(0), 10_000);
});

it('goes on without its broker, and the broker comes back', async () => {
  const kill = await onServer(['pkill', '-KILL', '-x', 'mosquitto']);
  expect(kill.code).toBe(0);
  await cluster().nodesReady();
  await becomes(availability('board-1'), 'online', 90_000);
  await becomes('coracle/v1/cluster/availability', 'online');
});

it('says goodbye when an agent stops, and removes what a deleted node left', async () => {
  const board = cluster().board('board-2');
  await board.stopService('agent');
  await becomes(availability('board-2'), 'offline', 10_000);
  await cluster().kubectl.ok('delete node board-2');
  await holds(async () => {
    const all = await listen('#');
    const left = [...all.keys()].filter((topic) => topic.includes('board-2') && !topic.endsWith('/state'));
    expect(left).toEqual([]);
  });
});
