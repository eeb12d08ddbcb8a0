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

/** Commands, by who gives them: `nodes/<name>/cordon`, … below it. Never retained. */
export const commandTopics = (user: string): string => `${ROOT}/cmd/${user}/#`;

/** Everything of Coracle, for a reader's access list. */
export const ALL_TOPICS = `${ROOT}/#`;
/** What the server may write of its own. */
export const CLUSTER_TOPICS = `${ROOT}/cluster/#`;
/** The nodes' retained availability, which the server removes with the node. */
export const ALL_AVAILABILITIES = `${ROOT}/nodes/+/availability`;

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

/** One flat object a board, at most {@link MAX_STATE_BYTES}. What a board can't tell is null, not false or zero. */
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
  /** Bytes a second, since the message before; null in the first. */
  readonly rx_bytes_s: number | null;
  readonly tx_bytes_s: number | null;
  /** When the board started: a time, because an uptime would change in every message. */
  readonly boot: string | null;
  /** Pods that the board holds. */
  readonly pods: number;
}

export const MAX_STATE_BYTES = 400;

export interface NodeConditions {
  readonly ready: boolean;
  readonly unschedulable: boolean;
  /** Types of conditions that should be False and are not: `MemoryPressure`, `DiskPressure`, … */
  readonly problems: readonly string[];
  /** Pods bound to the node that have not ended. */
  readonly pods: number;
}

export interface ClusterState {
  readonly nodes: number;
  readonly ready: number;
  readonly pods: number;
  /** Pods that run, as their phase says. */
  readonly running: number;
}
