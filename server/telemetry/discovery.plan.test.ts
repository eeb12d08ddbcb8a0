import { describe, expect, it } from 'vitest';
import { discoveryTopic } from '#proto/agent/mqtt-topics.ts';
import type { Node } from '#proto/schema/generated/core-v1.ts';
import {
  clusterDeviceId,
  type Discovery,
  nodeDeviceId,
  nodeOfDevice,
  planClusterDiscovery,
  planNodeDiscovery,
} from './discovery.plan.ts';
import { validateDiscovery } from './testing/discovery-validator.ts';

const facts = { clusterId: '0a1b2c3d', version: '0.1.0', intervalMs: 30_000, commandUser: undefined };
const node = {
  metadata: { name: 'pi-1.kitchen' },
  spec: {},
  status: { nodeInfo: { architecture: 'arm64', osImage: 'Debian GNU/Linux 12 (bookworm)' } },
} as Node;
const topic = discoveryTopic(nodeDeviceId(facts.clusterId, 'pi-1.kitchen'));
const check = (message: object): string[] => validateDiscovery(topic, JSON.stringify(message));

it('is what Home Assistant accepts', () => {
  expect(topic).toBe('homeassistant/device/coracle_0a1b2c3d_pi-1_kitchen/config');
  const device = planNodeDiscovery(node, facts);
  expect(check(device)).toEqual([]);
  expect(device.dev).toMatchObject({ sw: 'Coracle 0.1.0 / Debian GNU/Linux 12 (bookworm)', hw: 'arm64' });
  expect(device.cmps['cpu']).toMatchObject({ exp_aft: 90, unit_of_meas: '%' });
  const cluster = planClusterDiscovery(facts, []);
  expect(
    validateDiscovery(discoveryTopic(clusterDeviceId(facts.clusterId)), JSON.stringify(cluster)),
  ).toEqual([]);
  expect(device.dev['via_device']).toBe((cluster.dev['ids'] as string[])[0]);
});

it('is valid for a board that has said nothing of itself yet', () => {
  expect(check(planNodeDiscovery({ metadata: { name: 'pi' }, spec: {} } as Node, facts))).toEqual([]);
});

describe('with commands', () => {
  const commanding = { ...facts, commandUser: 'home-assistant' };
  it('is what Home Assistant accepts', () => {
    const device = planNodeDiscovery(node, commanding);
    expect(check(device)).toEqual([]);
    expect(device.cmps['cordon']).toMatchObject({
      ...{ p: 'switch', ent_cat: 'config', message_expiry_interval: 30 },
      cmd_t: 'coracle/v1/cmd/home-assistant/nodes/pi-1.kitchen/cordon',
    });
    const cluster = planClusterDiscovery(commanding, [{ namespace: 'home', name: 'web.api' }]);
    expect(check(cluster)).toEqual([]);
    expect(cluster.cmps['restart_home_web_api']).toMatchObject({ p: 'button', dev_cla: 'restart' });
  });

  it('stays short enough for a broker, however many Deployments want a button', () => {
    const many = Array.from({ length: 500 }, (_, i) => ({
      namespace: 'n'.repeat(63),
      name: `${'d'.repeat(60)}${i}`,
    }));
    const payload = JSON.stringify(planClusterDiscovery(commanding, many));
    expect(payload.length).toBeLessThan(32_768);
  });

  it('is discarded with a command that is kept, or goes nowhere', () => {
    const good = planNodeDiscovery(node, commanding);
    const withCordon = (change: object) =>
      check({ ...good, cmps: { ...good.cmps, cordon: { ...good.cmps['cordon'], ...change } } });
    expect(withCordon({ ret: true })).toContain('cordon: a command is retained');
    expect(withCordon({ cmd_t: undefined })).toContain('cordon: no command topic');
    expect(withCordon({ cmd_t: 'coracle/+/x' })).toContain('cordon: cmd_t is no topic');
    expect(withCordon({ exp_aft: 10 })).toContain('cordon: exp_aft');
  });
});

it.each([
  ['low-data', { 'coracle.dev/telemetry': 'low-data' }, 900, true, false],
  ['off', { 'coracle.dev/telemetry': 'off' }, undefined, false, false],
  ['an interval of its own', { 'coracle.dev/telemetry-interval': '60' }, 180, true, true],
])('follows a board with %s', (_, annotations, expires, measures, rates) => {
  const device = planNodeDiscovery({ ...node, metadata: { ...node.metadata, annotations } } as Node, facts);
  expect(check(device)).toEqual([]);
  expect(device.cmps['cpu']?.['exp_aft']).toBe(expires);
  expect(device.cmps['cpu'] !== undefined).toBe(measures);
  expect(device.cmps['rx'] !== undefined).toBe(rates);
  expect(device.cmps['ready']).toBeDefined();
});

it('finds the node of a device again', () => {
  for (const name of ['pi', 'pi-1', 'pi-1.kitchen.lan'])
    expect(nodeOfDevice(facts.clusterId, nodeDeviceId(facts.clusterId, name))).toBe(name);
  expect(nodeOfDevice(facts.clusterId, clusterDeviceId(facts.clusterId))).toBeUndefined();
  expect(nodeOfDevice(facts.clusterId, nodeDeviceId('ffffffff', 'pi'))).toBeUndefined();
});

describe('what Home Assistant discards', () => {
  const good = planNodeDiscovery(node, facts);
  const withPart = (key: string, change: object): object => ({
    ...good,
    cmps: { ...good.cmps, [key]: { ...good.cmps[key], ...change } },
  });
  const without = (key: keyof Discovery): object =>
    Object.fromEntries(Object.entries(good).filter(([name]) => name !== key));
  it.each([
    ['a shorthand at the root', { ...good, '~': 'coracle/v1' }, 'root key ~'],
    ['an expiry at the root', { ...good, exp_aft: 90 }, 'root key exp_aft'],
    ['retain at the root', { ...good, retain: true }, 'root key retain'],
    ['an icon at the root', { ...good, ic: 'mdi:memory' }, 'root key ic'],
    ['no device', without('dev'), 'no dev'],
    ['no origin', without('o'), 'o has no name'],
    ['no components', without('cmps'), 'no cmps'],
    ['a component without platform', withPart('cpu', { p: undefined }), 'cpu: platform undefined'],
    ['a component without id', withPart('cpu', { uniq_id: undefined }), 'cpu: no uniq_id'],
    ['an id twice', withPart('cpu', { uniq_id: good.cmps['mem']?.uniq_id }), 'mem: uniq_id twice'],
    [
      'two forms of availability',
      withPart('cpu', { avty_t: 'a' }),
      'cpu: availability in another form than the root',
    ],
    ['a sensor to configure', withPart('cpu', { ent_cat: 'config' }), 'cpu: ent_cat config'],
    ['a wrong unit', withPart('temp', { unit_of_meas: 'C' }), 'temp: unit of temperature'],
    [
      'a time that is measured',
      withPart('boot', { stat_cla: 'measurement' }),
      'boot: timestamp has neither unit nor stat_cla',
    ],
    ['a unit of a switch', withPart('ready', { unit_of_meas: '%' }), 'ready: key unit_of_meas'],
  ])('%s', (_, message, problem) => {
    expect(check(message)).toContain(problem);
  });

  it('takes the removal of an entity and of a device', () => {
    expect(check({ ...good, cmps: { ...good.cmps, cpu: { p: 'sensor' } } })).toEqual([]);
    expect(validateDiscovery(topic, '')).toEqual([]);
  });

  it('a dot in the topic', () => {
    expect(validateDiscovery('homeassistant/device/pi.lan/config', '')).not.toEqual([]);
  });
});
