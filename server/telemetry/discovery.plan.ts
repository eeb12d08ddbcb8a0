/**
 * Home Assistant's device discovery: one device a board, below one for the cluster. Pure. The root of a message is closed:
 * one key too many there and the whole of it is discarded, so what is not listed in its documentation stays out.
 */
import {
  CLUSTER_AVAILABILITY,
  CLUSTER_STATE,
  nodeAvailability,
  nodeConditions,
  nodeState,
  slug,
} from '#proto/agent/mqtt-topics.ts';
import type { Node } from '#proto/schema/generated/core-v1.ts';

/** Abbreviated as Home Assistant abbreviates. */
export interface Discovery {
  readonly dev: Readonly<Record<string, unknown>>;
  readonly o: Readonly<Record<string, string>>;
  readonly avty: readonly { readonly t: string }[];
  readonly avty_mode: 'all';
  readonly stat_t: string;
  readonly qos: 1;
  readonly cmps: Readonly<Record<string, Component>>;
}

export interface Component {
  readonly p: 'sensor' | 'binary_sensor';
  readonly uniq_id: string;
  readonly [key: string]: unknown;
}

export interface DiscoveryFacts {
  /** Of the cluster, the same for ever: hexadecimal. */
  readonly clusterId: string;
  readonly version: string;
  readonly intervalMs: number;
}

const DEVICE_PREFIX = 'coracle';

export const clusterDeviceId = (clusterId: string): string => `${DEVICE_PREFIX}_${clusterId}`;
export const nodeDeviceId = (clusterId: string, nodeName: string): string =>
  `${clusterDeviceId(clusterId)}_${slug(nodeName)}`;

/** The node that a device of this cluster stands for; undefined for the cluster's own device and for others' devices. */
export function nodeOfDevice(clusterId: string, deviceId: string): string | undefined {
  const prefix = `${clusterDeviceId(clusterId)}_`;
  return deviceId.startsWith(prefix) ? deviceId.slice(prefix.length).replaceAll('_', '.') : undefined;
}

export function planClusterDiscovery(facts: DiscoveryFacts): Discovery {
  const id = clusterDeviceId(facts.clusterId);
  const count = (key: string, name: string, icon: string): Component => ({
    p: 'sensor',
    uniq_id: `${id}_${key}`,
    name,
    stat_cla: 'measurement',
    ic: icon,
    val_tpl: `{{ value_json.${key} }}`,
  });
  return {
    dev: { ids: [id], name: 'Coracle', mf: 'Coracle', mdl: 'Kubernetes cluster', sw: facts.version },
    o: origin(facts),
    avty: [{ t: CLUSTER_AVAILABILITY }],
    avty_mode: 'all',
    stat_t: CLUSTER_STATE,
    qos: 1,
    cmps: {
      nodes: count('nodes', 'Nodes', 'mdi:server-network'),
      ready: count('ready', 'Nodes ready', 'mdi:server-network'),
      pods: count('pods', 'Pods', 'mdi:cube-outline'),
      running: count('running', 'Pods running', 'mdi:cube-outline'),
    },
  };
}

/** What the board measures stands or falls with the board and the server; what the cluster thinks, with the server alone. */
export function planNodeDiscovery(node: Node, facts: DiscoveryFacts): Discovery {
  const nodeName = node.metadata.name ?? '';
  const id = nodeDeviceId(facts.clusterId, nodeName);
  const info = node.status?.nodeInfo;
  const expires = { exp_aft: Math.ceil((3 * facts.intervalMs) / 1_000) };
  const part = (key: string, p: Component['p'], name: string, rest: Readonly<Record<string, unknown>>) => ({
    [key]: { p, uniq_id: `${id}_${key}`, name, ...rest },
  });
  const ofCluster = { stat_t: nodeConditions(nodeName), avty: [{ t: CLUSTER_AVAILABILITY }] };
  const percent = { unit_of_meas: '%', stat_cla: 'measurement', sug_dsp_prc: 0, ...expires };
  const rate = { dev_cla: 'data_rate', unit_of_meas: 'B/s', stat_cla: 'measurement', ...expires };
  const diagnostic = { ent_cat: 'diagnostic' };
  return {
    dev: {
      ids: [id],
      name: nodeName,
      mf: 'Coracle',
      mdl: 'Kubernetes node',
      ...(info?.architecture ? { hw: info.architecture } : {}),
      sw: [`Coracle ${facts.version}`, ...(info?.osImage ? [info.osImage] : [])].join(' / '),
      via_device: clusterDeviceId(facts.clusterId),
    },
    o: origin(facts),
    avty: [{ t: nodeAvailability(nodeName) }, { t: CLUSTER_AVAILABILITY }],
    avty_mode: 'all',
    stat_t: nodeState(nodeName),
    qos: 1,
    cmps: {
      ...part('ready', 'binary_sensor', 'Ready', {
        dev_cla: 'connectivity',
        val_tpl: onOff('value_json.ready'),
        ...ofCluster,
      }),
      ...part('problem', 'binary_sensor', 'Problem', {
        dev_cla: 'problem',
        val_tpl: onOff('value_json.problems'),
        json_attr_t: nodeConditions(nodeName),
        ...ofCluster,
      }),
      ...part('unschedulable', 'binary_sensor', 'Unschedulable', {
        ...diagnostic,
        val_tpl: onOff('value_json.unschedulable'),
        ic: 'mdi:cancel',
        ...ofCluster,
      }),
      ...part('pods', 'sensor', 'Pods', {
        stat_cla: 'measurement',
        ic: 'mdi:cube-outline',
        val_tpl: '{{ value_json.pods }}',
        ...ofCluster,
      }),
      ...part('cpu', 'sensor', 'CPU', {
        ...percent,
        ic: 'mdi:cpu-64-bit',
        val_tpl: '{{ value_json.cpu_pct }}',
      }),
      ...part('mem', 'sensor', 'Memory', {
        ...percent,
        ic: 'mdi:memory',
        val_tpl: '{{ value_json.mem_pct }}',
      }),
      ...part('disk', 'sensor', 'Disk used', {
        ...percent,
        ic: 'mdi:harddisk',
        val_tpl: '{{ value_json.disk_pct }}',
      }),
      ...part('temp', 'sensor', 'Temperature', {
        ...diagnostic,
        dev_cla: 'temperature',
        unit_of_meas: '\u00b0C',
        stat_cla: 'measurement',
        ...expires,
        val_tpl: '{{ value_json.temp_c }}',
      }),
      ...part('under_voltage', 'binary_sensor', 'Under-voltage', {
        ...diagnostic,
        dev_cla: 'problem',
        ...expires,
        // Home Assistant shows None as unknown: a board without the sensor does not claim that all is well.
        val_tpl: `{{ 'None' if value_json.under_voltage is none else 'ON' if value_json.under_voltage else 'OFF' }}`,
      }),
      ...part('rx', 'sensor', 'Received', { ...rate, val_tpl: '{{ value_json.rx_bytes_s }}' }),
      ...part('tx', 'sensor', 'Sent', { ...rate, val_tpl: '{{ value_json.tx_bytes_s }}' }),
      ...part('boot', 'sensor', 'Last boot', {
        ...diagnostic,
        dev_cla: 'timestamp',
        val_tpl: '{{ value_json.boot }}',
      }),
    },
  };
}

const origin = ({ version }: DiscoveryFacts): Readonly<Record<string, string>> => ({
  name: 'Coracle',
  sw: version,
});

const onOff = (value: string): string => `{{ 'ON' if ${value} else 'OFF' }}`;
