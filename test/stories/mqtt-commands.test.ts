/** Commands by MQTT, as Home Assistant gives them: through the broker that comes with Coracle, the API, and its audit log. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { CommandResult } from '#proto/agent/mqtt-topics.ts';
import type { Node, Pod } from '#proto/schema/generated/core-v1.ts';
import { eventually } from '../support/boards/eventually.ts';
import { availability, holds, Mqtt } from '../support/cluster/mqtt.ts';
import { useCluster } from '../support/cluster/use-cluster.ts';

const AUDIT_LOG = '/var/lib/coracle/audit.log';
const folder = mkdtempSync(join(tmpdir(), 'coracle-mqtt-story-'));
const policy = join(folder, 'policy.yaml');
writeFileSync(
  policy,
  'apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules: [{ level: Metadata }]\n',
);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const cluster = useCluster({
  boards: 1,
  serverOn: 'board',
  serverFlags: [
    ...['--mqtt', 'embedded', '--mqtt-interval', '10'],
    ...['--audit-policy-file', policy, '--audit-log-path', AUDIT_LOG],
  ],
  agentFlags: ['--reboot-command', 'echo down >>/var/lib/coracle/rebooted'],
});
const mqtt = new Mqtt(cluster);
beforeAll(async () => {
  await mqtt.createUser('dashboard');
  await mqtt.createUser('home-assistant', '--access', 'read-write');
  // Said after the server has subscribed.
  await holds(async () => expect(await mqtt.value('coracle/v1/cluster/state')).toBeDefined());
});

/** Commands as Home Assistant does, and gives what the cluster says of it; undefined: nothing within the time. */
async function command(
  path: string,
  payload: string,
  {
    user = 'home-assistant',
    flags = ['-D', 'publish', 'message-expiry-interval', '30'],
    waitSeconds = 20,
  } = {},
): Promise<CommandResult | undefined> {
  const heard = await mqtt.subscribe('dashboard', `-t coracle/v1/cluster/results/${user}`);
  try {
    await mqtt.run(user, 'mosquitto_pub', `-q 1 -t coracle/v1/cmd/${user}/${path} -m ${payload}`, ...flags);
    const result = await heard
      .says(new RegExp(`^\\{"command":"${path}".*\\}$`, 'm'), waitSeconds * 1000)
      .catch(() => undefined);
    return result === undefined ? undefined : (JSON.parse(result) as CommandResult);
  } finally {
    await heard.stop();
  }
}
const isCordoned = async (): Promise<boolean> =>
  (await cluster().kubectl.json<Node>('get node board-1')).spec.unschedulable === true;

it('obeys who may command, through the API and its audit log', async () => {
  expect(await command('nodes/board-1/cordon', 'ON')).toMatchObject({ ok: true, message: 'cordoned' });
  expect(await isCordoned()).toBe(true);
  expect(await command('nodes/board-1/cordon', 'OFF')).toMatchObject({ ok: true, message: 'uncordoned' });
  expect(await isCordoned()).toBe(false);
  // The log is written once a second, for the card's sake.
  const audited = ['grep', '-m1', '"username":"coracle:mqtt:home-assistant"', AUDIT_LOG];
  const line = await eventually(async () => (await mqtt.onServer(audited)).stdout || undefined);
  expect(JSON.parse(line)).toMatchObject({
    ...{ verb: 'patch', requestURI: '/api/v1/nodes/board-1', userAgent: 'coracle-mqtt' },
    annotations: { 'authorization.k8s.io/decision': 'allow' },
  });
  expect(await command('nodes/nowhere/cordon', 'ON')).toMatchObject({ ok: false, code: 404 });
});

it('is not moved by ten thousand malformed commands, and hears the one after them', async () => {
  const { metadata } = await cluster().kubectl.json<Node>('get node board-1');
  const flood = await mqtt.pipe(
    `seq 1 10000 | sed 's/^/{"state":"ON"/'`,
    'home-assistant',
    'mosquitto_pub',
    '-l -q 1 -t coracle/v1/cmd/home-assistant/nodes/board-1/cordon',
  );
  expect(flood.code).toBe(0);
  expect(await isCordoned()).toBe(false);
  const after = await cluster().kubectl.json<Node>('get node board-1');
  expect([after.metadata.annotations, after.metadata.labels]).toEqual([
    metadata.annotations,
    metadata.labels,
  ]);
  await eventually(async () => (await command('nodes/board-1/cordon', 'OFF', { waitSeconds: 5 }))?.ok, {
    timeoutMs: 60_000,
  });
});

it('restarts a Deployment and drains a board', async () => {
  await cluster().kubectl.ok('create deployment web --image=coracle.local/hello:1');
  const [before] = await cluster().readyPods('app=web', 1);
  expect(await command('namespaces/default/deployments/web/restart', 'PRESS')).toMatchObject({ ok: true });
  await holds(async () => {
    const [after] = await cluster().readyPods('app=web', 1);
    expect(after?.metadata.uid).not.toBe(before?.metadata.uid);
  });
  expect(await command('nodes/board-1/drain', 'PRESS', { waitSeconds: 60 })).toMatchObject({
    ...{ ok: true, message: 'drained' },
  });
  const { items } = await cluster().kubectl.json<{ items: Pod[] }>('get pods -l app=web');
  expect(items.map(({ spec }) => spec.nodeName)).toEqual([undefined]);
  await cluster().kubectl.ok('delete deployment web');
  await cluster().kubectl.ok('uncordon board-1');
});

it('does not obey who may not, what is kept, what has no end, and what RBAC forbids', async () => {
  const topic = 'nodes/board-1/cordon';
  expect(await command(topic, 'ON', { user: 'dashboard', waitSeconds: 5 })).toBeUndefined();
  const expiry = ['-D', 'publish', 'message-expiry-interval', '30'];
  expect(await command(topic, 'ON', { flags: [...expiry, '-r'] })).toMatchObject({ ok: false, code: 400 });
  await holds(async () => expect((await mqtt.listen('coracle/v1/cmd/#')).size).toBe(0));
  expect(await command(topic, 'ON', { flags: [] })).toMatchObject({ ok: false, code: 400 });
  await cluster().kubectl.ok('delete clusterrolebinding coracle:mqtt:home-assistant');
  expect(await command(topic, 'ON')).toMatchObject({ ok: false, code: 403 });
  expect(await isCordoned()).toBe(false);
});

it('lets the board reboot, once', async () => {
  await cluster().kubectl.ok(
    'create clusterrolebinding coracle:mqtt:home-assistant --clusterrole=coracle:mqtt-commands --user=coracle:mqtt:home-assistant',
  );
  expect(await command('nodes/board-1/reboot', 'PRESS')).toMatchObject({ ok: true });
  const board = cluster().board('board-1');
  const reboots = async () => (await board.exec(['cat', '/var/lib/coracle/rebooted'])).stdout;
  await holds(async () => expect(await reboots()).toBe('down\n'));
  await board.stopService('agent');
  await board.startService('agent');
  await mqtt.becomes(availability('board-1'), 'online');
  expect(await reboots()).toBe('down\n');
});

it('tells warnings as they come', async () => {
  const heard = await mqtt.subscribe('dashboard', '-t coracle/v1/cluster/events/warning');
  try {
    await cluster().kubectl.ok('run nobody --image=coracle.local/nothing:1 --image-pull-policy=Never');
    const warning = await heard.says(/^\{.*"name":"nobody".*\}$/m, 30_000);
    expect(JSON.parse(warning)).toMatchObject({ kind: 'Pod', namespace: 'default', name: 'nobody' });
  } finally {
    await heard.stop();
  }
  await cluster().kubectl.ok('delete pod nobody --now');
});

it('says less, or nothing, of a board that asks for it', async () => {
  const state = async (): Promise<object> =>
    JSON.parse((await mqtt.value('coracle/v1/nodes/board-1/state')) ?? '') as object;
  await cluster().kubectl.ok(
    'annotate node board-1 coracle.dev/telemetry=low-data coracle.dev/telemetry-interval=10',
  );
  await holds(async () => expect(await state()).not.toHaveProperty('rx_bytes_s'));
  await cluster().kubectl.ok('annotate node board-1 --overwrite coracle.dev/telemetry=off');
  await mqtt.becomes(availability('board-1'), 'offline');
  await cluster().kubectl.ok('annotate node board-1 coracle.dev/telemetry- coracle.dev/telemetry-interval-');
  await mqtt.becomes(availability('board-1'), 'online');
});

it('goes on without its broker, and the broker comes back', async () => {
  const pid = async () => (await mqtt.onServer(['pgrep', '-f', 'broker.mjs'])).stdout.trim();
  const first = await pid();
  expect((await mqtt.onServer(['kill', '-KILL', first])).code).toBe(0);
  await cluster().nodesReady();
  await mqtt.becomes(availability('board-1'), 'online');
  expect(await pid()).not.toBe(first);
});
