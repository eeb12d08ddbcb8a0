import { isCritical } from '#agent/eviction/rank.plan.ts';
import type { PressureCondition } from '#agent/eviction/thresholds.plan.ts';
import { podAmounts } from '#proto/api/core/amounts.ts';
import { milliValue, quantityValue } from '#proto/meta/quantity.ts';
import type { Container, Pod } from '#proto/schema/generated/core-v1.ts';
import { qosClass } from './qos.plan.ts';
import { forbiddenSysctl } from './sysctls.plan.ts';

/** Why a board does not take a Pod. */
export interface Rejection {
  /** `status.reason`. */
  readonly reason: string;
  readonly message: string;
}

interface HostPort {
  readonly protocol: string;
  readonly port: number;
  /** `0.0.0.0` stands for every address. */
  readonly ip: string;
}

export interface BoardRoom {
  /** Pods that have not ended. */
  readonly others: readonly Pod[];
  readonly allocatable: Readonly<Record<string, string>>;
  /** What the board is short of. */
  readonly pressure: readonly PressureCondition[];
  /** Kernel parameters that Pods may set beside the safe ones. */
  readonly unsafeSysctls: readonly string[];
  /** The board is being switched off. */
  readonly isShuttingDown: boolean;
}

/**
 * Whether the board can take a new Pod beside those that it has: one that was bound by hand, or by a scheduler that saw
 * an older state of it, may not fit. Rule: the kubelet's `predicate.go` for what Pods ask for, their number and their host ports;
 * its eviction manager for pressure.
 */
export function planAdmission(pod: Pod, room: BoardRoom): Rejection | undefined {
  const { others, allocatable } = room;
  if (room.isShuttingDown)
    return { reason: 'NodeShutdown', message: 'Pod was rejected as the node is shutting down.' };
  const short = underPressure(pod, room.pressure);
  if (short) return short;
  const sysctl = forbiddenSysctl(pod, room.unsafeSysctls);
  if (sysctl) return { reason: 'SysctlForbidden', message: sysctl };
  const capacity = Number(allocatable['pods'] ?? Number.POSITIVE_INFINITY);
  if (others.length + 1 > capacity) {
    const amounts = `requested: 1, used: ${others.length}, capacity: ${capacity}`;
    return { reason: 'OutOfpods', message: `Node didn't have enough resource: pods, ${amounts}` };
  }
  const lack = lackOf(pod, others, allocatable);
  if (lack) return { reason: `OutOf${lack.name}`, message: lackMessage(lack) };
  const taken = others.flatMap(hostPortsOf);
  if (!hostPortsOf(pod).some((one) => taken.some((other) => collide(one, other)))) return undefined;
  const message = "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports";
  return { reason: 'NodePorts', message };
}

/** In the resource's own unit, thousandths for `cpu`. */
export interface Lack {
  readonly name: string;
  readonly requested: number;
  readonly used: number;
  readonly capacity: number;
}

/**
 * The first resource of which a Pod asks for more than its `others` leave of the board. What the board does not name it
 * has nothing to say about.
 */
export function lackOf(
  pod: Pod,
  others: readonly Pod[],
  allocatable: Readonly<Record<string, string>>,
): Lack | undefined {
  const asked = Object.entries(podAmounts(pod.spec, 'requests'));
  const wanted = asked.filter(([name]) => name !== 'pods' && allocatable[name] !== undefined);
  if (wanted.length === 0) return undefined;
  const taken = others.map(({ spec }) => podAmounts(spec, 'requests'));
  for (const [name, amount] of wanted) {
    const unit = name === 'cpu' ? milliValue : quantityValue;
    const requested = unit(amount);
    const capacity = unit(allocatable[name]);
    const used = taken.reduce((sum, amounts) => sum + unit(amounts[name]), 0);
    if (requested > 0 && requested + used > capacity) return { name, requested, used, capacity };
  }
  return undefined;
}

export const lackMessage = ({ name, requested, used, capacity }: Lack): string =>
  `Node didn't have enough resource: ${name}, requested: ${requested}, used: ${used}, capacity: ${capacity}`;

/** Short of memory the board takes those that said how much they need; short of anything else, nobody. */
function underPressure(pod: Pod, pressure: readonly PressureCondition[]): Rejection | undefined {
  if (pressure.length === 0 || isCritical(pod)) return undefined;
  const onlyMemory = pressure.every((condition) => condition === 'MemoryPressure');
  if (onlyMemory && (qosClass(pod) !== 'BestEffort' || toleratesMemoryPressure(pod))) return undefined;
  return { reason: 'Evicted', message: `The node had condition: [${pressure.join(' ')}]. ` };
}

const toleratesMemoryPressure = ({ spec }: Pod): boolean =>
  (spec.tolerations ?? []).some(
    ({ key, operator = 'Equal', value = '', effect }) =>
      (!effect || effect === 'NoSchedule') &&
      (key === 'node.kubernetes.io/memory-pressure' || (!key && operator === 'Exists')) &&
      (operator === 'Exists' || value === ''),
  );

/** On the host's network every port of a container is one of the host. */
function hostPortsOf({ spec }: Pod): HostPort[] {
  const sidecars = (spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  return [...spec.containers, ...sidecars].flatMap(({ ports = [] }: Container) =>
    ports.flatMap(({ hostPort, containerPort, protocol = 'TCP', hostIP }) => {
      const port = hostPort || (spec.hostNetwork ? containerPort : 0);
      return port > 0 ? [{ protocol, port, ip: hostIP || '0.0.0.0' }] : [];
    }),
  );
}

const collide = (a: HostPort, b: HostPort): boolean =>
  a.port === b.port &&
  a.protocol === b.protocol &&
  (a.ip === b.ip || a.ip === '0.0.0.0' || b.ip === '0.0.0.0');
