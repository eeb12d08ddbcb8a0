/**
 * What Coracle says on MQTT: topic names and payloads. gRPC carries the truth, MQTT publishes it. A board writes only below
 * its own `coracle/v1/nodes/<name>/`, the server only below `coracle/v1/cluster/` and in Home Assistant's tree.
 */

const ROOT = 'coracle/v1';

/** Retained, `online` or `offline`: of the server, and last will of its connection. */
export const CLUSTER_AVAILABILITY = `${ROOT}/cluster/availability`;

/** All that a board may write. Node names hold no `/`, `+` or `#`: RFC 1123 subdomains. */
export const nodeTopics = (nodeName: string): string => `${ROOT}/nodes/${nodeName}/#`;

/** Retained, `online` or `offline`: of the board, and last will of its connection. */
export const nodeAvailability = (nodeName: string): string => `${ROOT}/nodes/${nodeName}/availability`;

/** Retained {@link NodeState}, expires after three intervals. */
export const nodeState = (nodeName: string): string => `${ROOT}/nodes/${nodeName}/state`;

/** Retained {@link NodeConditions}: what the cluster thinks of a board. */
export const nodeConditions = (nodeName: string): string => `${ROOT}/cluster/nodes/${nodeName}/conditions`;

/** Retained {@link ClusterState}. */
export const CLUSTER_STATE = `${ROOT}/cluster/state`;

/**
 * Commands, by who gives them, because a broker does not say who published: `nodes/<name>/cordon`, … below it. Never
 * retained, and with an expiry.
 */
export const commandTopics = (user: string): string => `${ROOT}/cmd/${user}/#`;
export const ALL_COMMANDS = `${ROOT}/cmd/#`;
export const nodeCommand = (user: string, nodeName: string, action: NodeAction): string =>
  `${ROOT}/cmd/${user}/nodes/${nodeName}/${action}`;
export const deploymentRestart = (user: string, namespace: string, name: string): string =>
  `${ROOT}/cmd/${user}/namespaces/${namespace}/deployments/${name}/restart`;

/** Not retained {@link CommandResult}: what became of a user's commands. */
export const commandResults = (user: string): string => `${ROOT}/cluster/results/${user}`;

/** Not retained {@link WarningEvent}. */
export const WARNINGS = `${ROOT}/cluster/events/warning`;

/** Everything of Coracle, for a reader's access list. */
export const ALL_TOPICS = `${ROOT}/#`;
/** What the server may write of its own. */
export const CLUSTER_TOPICS = `${ROOT}/cluster/#`;
/** What of the nodes is retained, which the server removes with the node. */
export const ALL_RETAINED_OF_NODES = [`${ROOT}/nodes/+/availability`, `${ROOT}/nodes/+/state`] as const;

/** Home Assistant's birth message. */
export const HOME_ASSISTANT_STATUS = 'homeassistant/status';
/** The configurations of all devices, of whomever. */
export const ALL_DISCOVERY = 'homeassistant/device/+/config';
export const discoveryTopic = (deviceId: string): string => `homeassistant/device/${deviceId}/config`;

export type Availability = 'online' | 'offline';

/**
 * A name as Home Assistant's identifiers want it, `[a-zA-Z0-9_-]`. Different node names stay different: they hold no `_`.
 */
export const slug = (nodeName: string): string => nodeName.replaceAll('.', '_');

/**
 * One flat object a board, at most {@link MAX_STATE_BYTES}. What a board can't tell is null, not false or zero. A board that saves
 * data leaves out what {@link LOW_DATA_OMITS}.
 */
export interface NodeState {
  /** Of this shape. */
  readonly v: 1;
  readonly node: string;
  /** When it was measured. */
  readonly ts: string;
  /** Counts the messages since the agent started. */
  readonly seq: number;
  readonly cpu_pct: number;
  readonly mem_pct: number;
  readonly disk_pct: number;
  readonly temp_c: number | null;
  /** The firmware's bits, as `vcgencmd get_throttled` prints them. */
  readonly throttled: string | null;
  readonly under_voltage: boolean | null;
  /** Of what feeds the board. */
  readonly volts: number | null;
  /** Bytes a second, since the message before; null in the first. */
  readonly rx_bytes_s: number | null;
  readonly tx_bytes_s: number | null;
  /** When the board started: a time, because an uptime would change in every message. */
  readonly boot: string | null;
  /** Pods that the board holds. */
  readonly pods: number;
}

export const MAX_STATE_BYTES = 400;
/** What the topic or the cluster tells too, or what only matters where it is measured often. */
export const LOW_DATA_OMITS = ['node', 'throttled', 'volts', 'rx_bytes_s', 'tx_bytes_s', 'pods'] as const;

export interface NodeConditions {
  readonly ready: boolean;
  readonly unschedulable: boolean;
  /** Types of conditions that should be False and are not: `MemoryPressure`, `DiskPressure`, … */
  readonly problems: readonly string[];
  /** Pods bound to the node that have not ended. */
  readonly pods: number;
}

export interface ClusterState extends WorkloadCounts {
  readonly nodes: number;
  readonly ready: number;
  readonly pods: number;
  /** Pods by their phase. */
  readonly pending: number;
  readonly running: number;
  readonly failed: number;
  /** What is not as it should be, in words; a handful at most. */
  readonly problems: readonly string[];
}

/** `_ready`: those that have all the Pods they want. */
export interface WorkloadCounts {
  readonly deployments: number;
  readonly deployments_ready: number;
  readonly statefulsets: number;
  readonly statefulsets_ready: number;
  readonly daemonsets: number;
  readonly daemonsets_ready: number;
  readonly jobs_active: number;
  readonly jobs_failed: number;
}

export type NodeAction = 'cordon' | 'uncordon' | 'drain' | 'reboot';

export interface CommandResult {
  /** As in the command's topic, below the user. */
  readonly command: string;
  readonly ok: boolean;
  /** HTTP's, as the API answered. */
  readonly code: number;
  readonly message: string;
  readonly ts: string;
  /** The command's correlation data, where that is text; null without. */
  readonly id: string | null;
}

/** An Event of type Warning. */
export interface WarningEvent {
  readonly ts: string;
  readonly kind: string;
  readonly namespace: string | null;
  readonly name: string;
  readonly reason: string;
  readonly message: string;
  /** How often it happened. */
  readonly count: number;
}
