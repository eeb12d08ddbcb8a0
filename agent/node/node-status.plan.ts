/** The Node object of this board: what is said of it once, and what changes. Pure. */
import { PREFIX } from '#agent/devices/devices.plan.ts';
import type { PressureCondition } from '#agent/eviction/thresholds.plan.ts';
import { timestamp } from '#proto/meta/timestamp.ts';
import type { Node, NodeCondition, NodeStatus } from '#proto/schema/generated/core-v1.ts';
import { KUBERNETES_VERSION } from '#proto/version.ts';
import { boardVerdicts, type Verdict } from './board-verdicts.plan.ts';
import type { NodeSample } from './metrics.ts';
import { allocatableOf, capacityOf, type Reservations } from './reserved.plan.ts';

const MAX_IMAGES = 50;
const MAX_NAMES = 5;

/** What does not change while the board is up. */
export interface Inventory {
  readonly machineId: string;
  readonly systemUuid: string;
  readonly bootId: string;
  readonly kernelVersion: string;
  readonly osImage: string;
  /** As Go names it: `arm64`, `amd64`. */
  readonly architecture: string;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly diskBytes: number;
  /** `Raspberry Pi 4 Model B Rev 1.4`; '' where the board does not say. */
  readonly model: string;
}

export interface NodeFacts {
  readonly name: string;
  readonly inventory: Inventory;
  readonly addresses: readonly string[];
  readonly runtime: { readonly name: string; readonly version: string } | undefined;
  readonly health: {
    readonly runtimeReady: boolean;
    readonly networkReady: boolean;
    readonly message: string;
  };
  readonly sample: NodeSample | undefined;
  readonly pressure: readonly PressureCondition[];
  readonly reservations: Reservations;
  /** The board is being switched off. */
  readonly isShuttingDown?: boolean;
  /** Extended resources: devices that Pods can be given. */
  readonly devices: Readonly<Record<string, string>>;
  readonly images: readonly { readonly names: readonly string[]; readonly sizeBytes: number }[];
  /** What parts of the agent say beside the board itself. */
  readonly parts?: readonly Verdict[];
  readonly now: number;
}

/** The labels that every node has. */
export function nodeLabels(name: string, architecture: string): Readonly<Record<string, string>> {
  return {
    'beta.kubernetes.io/arch': architecture,
    'beta.kubernetes.io/os': 'linux',
    'kubernetes.io/arch': architecture,
    'kubernetes.io/hostname': name,
    'kubernetes.io/os': 'linux',
  };
}

/** What a board registers itself as. */
export function nodeObject(facts: NodeFacts): Node {
  const { name, inventory } = facts;
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { ...nodeLabels(name, inventory.architecture) } },
    spec: {},
    status: nodeStatus(facts, undefined),
  };
}

/** `previous` gives the times at which conditions changed last. */
export function nodeStatus(facts: NodeFacts, previous: NodeStatus | undefined): NodeStatus {
  const { inventory, runtime } = facts;
  const { reservations } = facts;
  const devices = { ...goneDevices(previous), ...facts.devices };
  return {
    capacity: { ...capacityOf(inventory, reservations.maxPods), ...devices },
    allocatable: { ...allocatableOf(inventory, reservations), ...devices },
    conditions: conditions(facts, previous),
    addresses: [
      ...facts.addresses.map((address) => ({ type: 'InternalIP', address })),
      { type: 'Hostname', address: facts.name },
    ],
    daemonEndpoints: { kubeletEndpoint: { Port: 0 } },
    nodeInfo: {
      machineID: inventory.machineId,
      systemUUID: inventory.systemUuid,
      bootID: inventory.bootId,
      kernelVersion: inventory.kernelVersion,
      osImage: inventory.osImage,
      containerRuntimeVersion: runtime ? `${runtime.name}://${runtime.version.replace(/^v/, '')}` : '',
      kubeletVersion: KUBERNETES_VERSION,
      kubeProxyVersion: '',
      operatingSystem: 'linux',
      architecture: inventory.architecture,
    },
    images: [...facts.images]
      .sort((a, b) => b.sizeBytes - a.sizeBytes)
      .slice(0, MAX_IMAGES)
      .map(({ names, sizeBytes }) => ({ names: names.slice(0, MAX_NAMES), sizeBytes })),
  };
}

/** A status is merged into what the server has: what was unplugged has to be named to go. */
const goneDevices = (previous: NodeStatus | undefined): Record<string, string> =>
  Object.fromEntries(
    Object.keys(previous?.capacity ?? {})
      .filter((name) => name.startsWith(PREFIX))
      .map((name) => [name, '0']),
  );

function conditions(facts: NodeFacts, previous: NodeStatus | undefined): NodeCondition[] {
  const now = timestamp(facts.now);
  const board = boardVerdicts({
    sample: facts.sample,
    cpus: facts.inventory.cpus,
    previous: previous?.conditions ?? [],
    now: facts.now,
  });
  return [...board, ...(facts.parts ?? []), ...verdicts(facts)].map(([type, yes, reason, message]) => {
    const status = yes ? 'True' : 'False';
    const old = previous?.conditions?.find((c) => c.type === type);
    const since = old?.status === status ? old.lastTransitionTime : undefined;
    return { type, status, lastHeartbeatTime: now, lastTransitionTime: since ?? now, reason, message };
  });
}

function verdicts({ pressure, health, isShuttingDown }: NodeFacts): readonly Verdict[] {
  const [lowMemory, lowDisk, lowPids] = (['MemoryPressure', 'DiskPressure', 'PIDPressure'] as const).map(
    (type) => pressure.includes(type),
  );
  const ready = health.runtimeReady && health.networkReady && !isShuttingDown;
  return [
    lowMemory
      ? ['MemoryPressure', true, 'KubeletHasInsufficientMemory', 'kubelet has insufficient memory available']
      : ['MemoryPressure', false, 'KubeletHasSufficientMemory', 'kubelet has sufficient memory available'],
    lowDisk
      ? ['DiskPressure', true, 'KubeletHasDiskPressure', 'kubelet has disk pressure']
      : ['DiskPressure', false, 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'],
    lowPids
      ? ['PIDPressure', true, 'KubeletHasInsufficientPID', 'kubelet has insufficient PID available']
      : ['PIDPressure', false, 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'],
    ready
      ? ['Ready', true, 'KubeletReady', 'kubelet is posting ready status']
      : ['Ready', false, 'KubeletNotReady', isShuttingDown ? 'node is shutting down' : notReady(health)],
  ];
}

function notReady({ runtimeReady, message }: NodeFacts['health']): string {
  if (!runtimeReady) return `[container runtime is down${message ? `: ${message}` : ''}]`;
  return `container runtime network not ready: ${message}`;
}

/** Equal but for the times of heartbeats. */
export function sameNodeStatus(a: NodeStatus, b: NodeStatus): boolean {
  const plain = (status: NodeStatus): string =>
    JSON.stringify({
      ...status,
      conditions: (status.conditions ?? []).map(({ lastHeartbeatTime: _, ...condition }) => condition),
    });
  return plain(a) === plain(b);
}
