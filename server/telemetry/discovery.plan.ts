/**
 * Home Assistant's device discovery: one device a board, below one for the cluster. Pure. The root of a message is closed:
 * one key too many there and the whole of it is discarded, so what is not listed in its documentation stays out.
 */
import {
  CLUSTER_AVAILABILITY,
  CLUSTER_STATE,
  deploymentRestart,
  type NodeAction,
  nodeAvailability,
  nodeCommand,
  nodeConditions,
  nodeState,
  slug,
  WARNINGS,
} from '#proto/agent/mqtt-topics.ts';
import { type TelemetrySettings, telemetrySettings } from '#proto/agent/telemetry-settings.ts';
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

const PLATFORMS = ['sensor', 'binary_sensor', 'switch', 'button'] as const;
export type Platform = (typeof PLATFORMS)[number];
/** By key. */
export type Entities = ReadonlyMap<string, Platform>;

/** One with nothing but `p` removes the entity that was there under its key. */
export interface Component {
  readonly p: Platform;
  readonly uniq_id?: string;
  readonly [key: string]: unknown;
}

export interface DiscoveryFacts {
  /** Of the cluster, the same for ever: hexadecimal. */
  readonly clusterId: string;
  readonly version: string;
  readonly intervalMs: number;
  /** In whose name Home Assistant's switches and buttons command; undefined: it has none. */
  readonly commandUser: string | undefined;
}

/** A Deployment that has a button. */
export interface Restartable {
  readonly namespace: string;
  readonly name: string;
}

/** On a Deployment, `true`: Home Assistant shows a button that restarts it. */
export const HOME_ASSISTANT_BUTTON = 'coracle.dev/home-assistant-button';

/** A message that is too long for the broker would be lost as a whole. */
const MAX_BUTTONS = 40;

/** Of a command, in the component: older versions discard a device with it at the root, and leave it out here. */
const EXPIRES = { message_expiry_interval: 30 };
const CONFIG = { ent_cat: 'config', ...EXPIRES };

const DEVICE_PREFIX = 'coracle';

export const clusterDeviceId = (clusterId: string): string => `${DEVICE_PREFIX}_${clusterId}`;
export const nodeDeviceId = (clusterId: string, nodeName: string): string =>
  `${clusterDeviceId(clusterId)}_${slug(nodeName)}`;

/** The node that a device of this cluster stands for; undefined for the cluster's own device and for others' devices. */
export function nodeOfDevice(clusterId: string, deviceId: string): string | undefined {
  const prefix = `${clusterDeviceId(clusterId)}_`;
  return deviceId.startsWith(prefix) ? deviceId.slice(prefix.length).replaceAll('_', '.') : undefined;
}

export function planClusterDiscovery(facts: DiscoveryFacts, restartable: readonly Restartable[]): Discovery {
  const id = clusterDeviceId(facts.clusterId);
  const { commandUser } = facts;
  const part = partsOf(id);
  const count = (key: string, name: string, icon: string) =>
    part(key, 'sensor', name, { stat_cla: 'measurement', ic: icon, val_tpl: `{{ value_json.${key} }}` });
  const buttons = commandUser === undefined ? [] : restartable.slice(0, MAX_BUTTONS);
  return {
    dev: { ids: [id], name: 'Coracle', mf: 'Coracle', mdl: 'Kubernetes cluster', sw: facts.version },
    o: origin(facts),
    avty: [{ t: CLUSTER_AVAILABILITY }],
    avty_mode: 'all',
    stat_t: CLUSTER_STATE,
    qos: 1,
    cmps: {
      ...part('problem', 'binary_sensor', 'Problem', {
        dev_cla: 'problem',
        val_tpl: onOff('value_json.problems'),
        json_attr_t: CLUSTER_STATE,
      }),
      ...part('warning', 'sensor', 'Last warning', {
        stat_t: WARNINGS,
        val_tpl: '{{ value_json.reason }}',
        json_attr_t: WARNINGS,
        ic: 'mdi:alert-outline',
      }),
      ...count('nodes', 'Nodes', 'mdi:server-network'),
      ...count('ready', 'Nodes ready', 'mdi:server-network'),
      ...count('pods', 'Pods', 'mdi:cube-outline'),
      ...count('running', 'Pods running', 'mdi:cube-outline'),
      ...count('pending', 'Pods pending', 'mdi:cube-outline'),
      ...count('failed', 'Pods failed', 'mdi:cube-off-outline'),
      ...count('deployments', 'Deployments', 'mdi:layers-outline'),
      ...count('deployments_ready', 'Deployments ready', 'mdi:layers-outline'),
      ...count('jobs_failed', 'Jobs failed', 'mdi:briefcase-remove-outline'),
      ...Object.assign(
        {},
        ...buttons.map(({ namespace, name }) =>
          part(`restart_${namespace}_${slug(name)}`, 'button', `Restart ${namespace}/${name}`, {
            ...CONFIG,
            dev_cla: 'restart',
            cmd_t: deploymentRestart(commandUser ?? '', namespace, name),
            pl_prs: 'PRESS',
          }),
        ),
      ),
    },
  };
}

/** What the board measures stands or falls with the board and the server; what the cluster thinks, with the server alone. */
export function planNodeDiscovery(node: Node, facts: DiscoveryFacts): Discovery {
  const nodeName = node.metadata.name ?? '';
  const id = nodeDeviceId(facts.clusterId, nodeName);
  const info = node.status?.nodeInfo;
  const settings = telemetrySettings(node.metadata.annotations, facts.intervalMs);
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
      ...ofCluster(id, nodeName, facts.commandUser),
      ...(settings.mode === 'off' ? {} : ofBoard(id, settings)),
    },
  };
}

/** What the cluster knows of a board, and does to it. */
function ofCluster(
  id: string,
  nodeName: string,
  commandUser: string | undefined,
): Readonly<Record<string, Component>> {
  const part = partsOf(id);
  const conditions = { stat_t: nodeConditions(nodeName), avty: [{ t: CLUSTER_AVAILABILITY }] };
  const { avty } = conditions;
  const command = (action: NodeAction) => ({ cmd_t: nodeCommand(commandUser ?? '', nodeName, action), avty });
  const cordoned = { val_tpl: onOff('value_json.unschedulable'), ic: 'mdi:cancel', ...conditions };
  return {
    ...part('ready', 'binary_sensor', 'Ready', {
      dev_cla: 'connectivity',
      val_tpl: onOff('value_json.ready'),
      ...conditions,
    }),
    ...part('problem', 'binary_sensor', 'Problem', {
      dev_cla: 'problem',
      val_tpl: onOff('value_json.problems'),
      json_attr_t: nodeConditions(nodeName),
      ...conditions,
    }),
    ...part('pods', 'sensor', 'Pods', {
      stat_cla: 'measurement',
      ic: 'mdi:cube-outline',
      val_tpl: '{{ value_json.pods }}',
      ...conditions,
    }),
    ...(commandUser === undefined
      ? part('unschedulable', 'binary_sensor', 'Unschedulable', { ...DIAGNOSTIC, ...cordoned })
      : {
          ...part('cordon', 'switch', 'Cordon', { ...CONFIG, ...cordoned, ...command('cordon') }),
          ...part('drain', 'button', 'Drain', {
            ...CONFIG,
            ic: 'mdi:water-minus-outline',
            pl_prs: 'PRESS',
            ...command('drain'),
          }),
          // Not shown until somebody wants it.
          ...part('reboot', 'button', 'Reboot', {
            ...CONFIG,
            dev_cla: 'restart',
            en: false,
            pl_prs: 'PRESS',
            ...command('reboot'),
          }),
        }),
  };
}

/** What the board measures; of one that saves data, no more than it says. */
function ofBoard(id: string, { mode, intervalMs }: TelemetrySettings): Readonly<Record<string, Component>> {
  const part = partsOf(id);
  const expires = { exp_aft: Math.ceil((3 * intervalMs) / 1_000) };
  const measured = { stat_cla: 'measurement', ...expires };
  const percent = { unit_of_meas: '%', sug_dsp_prc: 0, ...measured };
  const rate = { dev_cla: 'data_rate', unit_of_meas: 'B/s', ...measured };
  return {
    ...part('cpu', 'sensor', 'CPU', {
      ...percent,
      ic: 'mdi:cpu-64-bit',
      val_tpl: '{{ value_json.cpu_pct }}',
    }),
    ...part('mem', 'sensor', 'Memory', { ...percent, ic: 'mdi:memory', val_tpl: '{{ value_json.mem_pct }}' }),
    ...part('disk', 'sensor', 'Disk used', {
      ...percent,
      ic: 'mdi:harddisk',
      val_tpl: '{{ value_json.disk_pct }}',
    }),
    ...part('temp', 'sensor', 'Temperature', {
      ...DIAGNOSTIC,
      dev_cla: 'temperature',
      unit_of_meas: '\u00b0C',
      ...measured,
      val_tpl: '{{ value_json.temp_c }}',
    }),
    ...part('under_voltage', 'binary_sensor', 'Under-voltage', {
      ...DIAGNOSTIC,
      dev_cla: 'problem',
      ...expires,
      // Home Assistant shows None as unknown: a board without the sensor does not claim that all is well.
      val_tpl: `{{ 'None' if value_json.under_voltage is none else 'ON' if value_json.under_voltage else 'OFF' }}`,
    }),
    ...part('boot', 'sensor', 'Last boot', {
      ...DIAGNOSTIC,
      dev_cla: 'timestamp',
      val_tpl: '{{ value_json.boot }}',
    }),
    ...(mode === 'low-data'
      ? {}
      : {
          ...part('volts', 'sensor', 'Supply voltage', {
            ...DIAGNOSTIC,
            dev_cla: 'voltage',
            unit_of_meas: 'V',
            en: false,
            ...measured,
            val_tpl: '{{ value_json.volts }}',
          }),
          ...part('rx', 'sensor', 'Received', { ...rate, val_tpl: '{{ value_json.rx_bytes_s }}' }),
          ...part('tx', 'sensor', 'Sent', { ...rate, val_tpl: '{{ value_json.tx_bytes_s }}' }),
        }),
  };
}

/** The message again, with the removal of entities that the broker's copy has and this one has not. */
export function withRemoved(message: Discovery, removed: Entities): Discovery {
  const gone = [...removed].filter(([key]) => !Object.hasOwn(message.cmps, key));
  if (gone.length === 0) return message;
  return {
    ...message,
    cmps: { ...message.cmps, ...Object.fromEntries(gone.map(([key, p]) => [key, { p }])) },
  };
}

/** Keys and platforms of a message's entities, but for those that it removes; none of one that can't be read. */
export function entitiesOf(payload: string): Entities {
  try {
    const { cmps } = JSON.parse(payload) as Pick<Discovery, 'cmps'>;
    const all = Object.entries(cmps).filter(([, { p, uniq_id }]) => PLATFORMS.includes(p) && uniq_id);
    return new Map(all.map(([key, { p }]) => [key, p]));
  } catch {
    return new Map();
  }
}

const DIAGNOSTIC = { ent_cat: 'diagnostic' };

/** One entity of a device, under its key. */
const partsOf =
  (id: string) =>
  (
    key: string,
    p: Platform,
    name: string,
    rest: Readonly<Record<string, unknown>>,
  ): Readonly<Record<string, Component>> => ({ [key]: { p, uniq_id: `${id}_${key}`, name, ...rest } });

const origin = ({ version }: DiscoveryFacts): Readonly<Record<string, string>> => ({
  name: 'Coracle',
  sw: version,
});

const onOff = (value: string): string => `{{ 'ON' if ${value} else 'OFF' }}`;
