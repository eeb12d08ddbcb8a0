/** Reads the recipes and holds them against messages as Coracle makes them; what Debian has, runs. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { aSample } from '#agent/node/fixtures.ts';
import { encodeState, planState } from '#agent/telemetry/state.plan.ts';
import {
  CLUSTER_STATE,
  commandResults,
  nodeAvailability,
  nodeConditions,
  nodeState,
} from '#proto/agent/mqtt-topics.ts';
import { systemClock } from '#proto/meta/clock.ts';
import { freePort } from '#proto/net/testing/free-port.ts';
import type { Node } from '#proto/schema/generated/core-v1.ts';
import { topicMatches } from '#server/telemetry/access.plan.ts';
import { parseCommand } from '#server/telemetry/commands/command.plan.ts';
import { planClusterState, planNodeConditions } from '#server/telemetry/conditions.plan.ts';
import { readToml, type Toml } from './read-toml.ts';

const read = (name: string): string =>
  readFileSync(join(import.meta.dirname, '../../../server/telemetry/recipes', name), 'utf8');
type Fields = Readonly<Record<string, unknown>>;

const NODE = 'pi-1';
const atMs = Date.UTC(2026, 10, 20, 12);
const sample = { ...aSample({ atMs, throttled: 0x50005 }), volts: 5.12 };
const previous = { ...sample, atMs: atMs - 30_000 };
const node = { metadata: { name: NODE }, spec: {}, status: { conditions: [] } } as unknown as Node;
const none = { deployments: [], statefulSets: [], daemonSets: [], jobs: [] };
const state = encodeState(
  planState({ nodeName: NODE, sample, previous, sequence: 7, pods: 3, boot: undefined }),
);
/** What is said, by topic. */
const MESSAGES = new Map<string, string>([
  [nodeState(NODE), state],
  [nodeConditions(NODE), JSON.stringify(planNodeConditions(node, 3))],
  [CLUSTER_STATE, JSON.stringify(planClusterState([node], [], none))],
  [nodeAvailability(NODE), 'online'],
  [commandResults('node-red'), '{}'],
]);
const said = (topic: string): Fields => JSON.parse(MESSAGES.get(topic) ?? 'null') as Fields;
const topicOf = (filter: string): string => {
  const topics = [...MESSAGES.keys()].filter((topic) => topicMatches(filter, topic));
  expect(topics, `what ${filter} hears`).toHaveLength(1);
  return topics[0] ?? '';
};

describe('Telegraf', () => {
  const inputs = (readToml(read('telegraf.conf'))['inputs'] as Toml)['mqtt_consumer'] as Toml[];

  it.each(inputs.map((input) => [String(input['name_override']), input] as const))(
    '%s has a tag for the board, and figures',
    (_, input) => {
      const [filter = ''] = input['topics'] as string[];
      const topic = topicOf(filter);
      for (const parsing of (input['topic_parsing'] ?? []) as Toml[]) {
        expect(parsing['topic']).toBe(filter);
        const names = String(parsing['tags']).split('/');
        expect(names).toHaveLength(topic.split('/').length);
        expect(topic.split('/')[names.indexOf('node')]).toBe(NODE);
      }
      const [json = {}] = input['json_v2'] as Toml[];
      const [object = {}] = json['object'] as Toml[];
      expect(object['path']).toBe('@this');
      const message = said(topic);
      const named = (object['excluded_keys'] ?? object['included_keys']) as string[];
      for (const key of named) expect(message).toHaveProperty(key);
      const left = Object.keys(message).filter((key) =>
        object['included_keys'] ? named.includes(key) : !named.includes(key),
      );
      expect(left.length).toBeGreaterThan(2);
      for (const key of left) expect(typeof message[key]).not.toBe('object');
      const stamp = json['timestamp_path'];
      if (stamp) expect(Date.parse(String(message[String(stamp)]))).toBe(atMs);
    },
  );
});

describe('Node-RED', () => {
  const flow = JSON.parse(read('node-red.json')) as (Fields & {
    id: string;
    type: string;
    wires?: string[][];
  })[];
  const byId = (id: unknown) => flow.find((one) => one.id === id);
  /** Runs a function node as Node-RED does, with a context of its own. */
  const run = (id: string) => {
    const memory = new Map<string, unknown>();
    const context = {
      get: (key: string) => memory.get(key),
      set: (key: string, value: unknown) => memory.set(key, value),
    };
    const body = new Function('msg', 'context', 'Buffer', String(byId(id)?.['func']));
    return (msg: object): unknown => body(msg, context, Buffer);
  };

  it('is wired, and speaks MQTT 5', () => {
    for (const { wires = [], broker, tls, ...one } of flow) {
      for (const id of wires.flat()) expect(byId(id), `${one.id} to ${id}`).toBeDefined();
      if (one.type.startsWith('mqtt ')) expect(byId(broker)?.['protocolVersion']).toBe('5');
      if (tls) expect(byId(tls)?.type).toBe('tls-config');
    }
    for (const one of flow.filter(({ type }) => type === 'mqtt in')) topicOf(String(one['topic']));
  });

  it('makes a message of each figure, and tells of a hot board once', () => {
    const topic = nodeState(NODE);
    const [figures] = run('coracle-figures')({ topic, payload: said(topic) }) as { topic: string }[][];
    expect(figures).toContainEqual({ topic: 'pi-1/temp_c', payload: 48.7, ts: '2026-11-20T12:00:00Z' });
    expect(figures?.some((one) => one.topic === 'pi-1/node')).toBe(false);
    for (const payload of [null, 'x', { v: 2 }])
      expect(run('coracle-figures')({ topic, payload })).toBeNull();
    const hot = run('coracle-hot');
    const told = [48, 81, 82, 75, 69, 60, 85].map(
      (payload) => hot({ topic: 'pi-1/temp_c', payload }) !== null,
    );
    expect(told).toEqual([false, true, false, false, true, false, true]);
  });

  it.each([true, false])('commands as Coracle wants it: cordon %s', (cordon) => {
    const message = run('coracle-command')({ node: NODE, cordon, _msgid: 'a1' }) as Record<string, unknown>;
    const { topic, payload, retain, messageExpiryInterval } = message;
    const parsed = parseCommand({
      ...{ topic: String(topic), payload: String(payload), retained: retain === true },
      expirySeconds: Number(messageExpiryInterval),
    });
    expect(parsed).toMatchObject({
      command: { user: 'node-red', kind: cordon ? 'cordon' : 'uncordon', nodeName: NODE },
    });
  });
});

it('openHAB has channels for what is said', () => {
  const text = read('openhab.things');
  expect(text.split('{').length).toBe(text.split('}').length);
  expect(MESSAGES.has(/availabilityTopic="([^"]+)"/.exec(text)?.[1] ?? '')).toBe(true);
  const channels = [
    ...text.matchAll(
      /Type (\w+) : \w+ +\[ stateTopic="([^"]+)", transformationPattern="JSONPATH:\$\.(\w+)"/g,
    ),
  ];
  expect(channels).toHaveLength(text.match(/^ +Type /gm)?.length ?? 0);
  const types: Readonly<Record<string, string>> = { number: 'number', switch: 'boolean', datetime: 'string' };
  for (const [, type = '', topic = '', path = ''] of channels)
    expect(typeof said(topic)[path], `${topic} ${path}`).toBe(types[type]);
});

describe('Prometheus and Grafana', () => {
  const config = parseYaml(read('mqtt-exporter.yaml')) as {
    mqtt: { topic_path: string; device_id_regex: string };
    metrics: { prom_name: string; mqtt_name: string }[];
  };
  const names = config.metrics.map(({ prom_name }) => prom_name);
  const folder = mkdtempSync(join(tmpdir(), 'coracle-recipes-'));
  const children: ReturnType<typeof spawn>[] = [];
  let page = '';

  beforeAll(async () => {
    const [mqttPort, httpPort] = [await freePort(), await freePort()];
    writeFileSync(join(folder, 'mosquitto.conf'), `listener ${mqttPort} 127.0.0.1\nallow_anonymous true\n`);
    const local = { ...config.mqtt, server: `tcp://127.0.0.1:${mqttPort}`, user: '' };
    writeFileSync(join(folder, 'exporter.json'), JSON.stringify({ ...config, mqtt: local }));
    const start = (command: string, args: string[]) =>
      children.push(
        spawn(command, args, { stdio: 'ignore', env: { PATH: `${process.env['PATH']}:/usr/sbin` } }),
      );
    start('mosquitto', ['-c', join(folder, 'mosquitto.conf')]);
    const publish = () =>
      new Promise((resolve) => {
        const args = ['-p', String(mqttPort), '-V', 'mqttv5', '-r', '-t', nodeState(NODE), '-m', state];
        spawn('mosquitto_pub', args, { stdio: 'ignore' }).once('close', resolve);
      });
    while ((await publish()) !== 0) await systemClock.sleep(100);
    start('prometheus-mqtt-exporter', [
      ...['-config', join(folder, 'exporter.json'), '-listen-address', '127.0.0.1'],
      ...['-listen-port', String(httpPort)],
    ]);
    while (!page.includes('coracle_')) {
      page = await fetch(`http://127.0.0.1:${httpPort}/metrics`).then(
        (answer) => answer.text(),
        () => '',
      );
      await systemClock.sleep(100);
    }
  });
  afterAll(() => {
    for (const child of children) child.kill();
    rmSync(folder, { recursive: true, force: true });
  });

  it("Debian's exporter shows each figure of the board", () => {
    const message = said(nodeState(NODE));
    for (const { prom_name, mqtt_name } of config.metrics) {
      const value = new RegExp(`^${prom_name}\\{sensor="${NODE}"[^}]*\\} (\\S+)`, 'm').exec(page)?.[1];
      expect(Number(value), prom_name).toBe(Number(message[mqtt_name]));
    }
  });

  it("Grafana's panels ask for what the exporter shows", () => {
    const dashboard = JSON.parse(read('grafana.json')) as {
      panels: { id: number; gridPos: { x: number; w: number }; targets: { expr: string }[] }[];
      templating: { list: { name: string; query: unknown }[] };
    };
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
    const asked = JSON.stringify(dashboard).match(/coracle_\w+/g) ?? [];
    expect([...new Set(asked)].sort()).toEqual([...names].sort());
    const variables = new Set(dashboard.templating.list.map(({ name }) => name));
    for (const [, name = ''] of JSON.stringify(dashboard).matchAll(/\$\{?(\w+)/g))
      expect(variables.has(name) || name === '__all', name).toBe(true);
    for (const { gridPos } of dashboard.panels) expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
  });
});
