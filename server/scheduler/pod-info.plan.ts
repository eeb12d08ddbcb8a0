import type { Pod } from '#proto/schema/generated/core-v1.ts';
import { type Amounts, podRequests, podWeight } from './resources.plan.ts';

/** A host port as conflicts see it. `ip` is `0.0.0.0` for all addresses. */
export interface HostPort {
  readonly ip: string;
  readonly protocol: string;
  readonly port: number;
}

/** A Pod and what it asks of a node, read from its text once. */
export interface PodInfo {
  readonly pod: Pod;
  readonly requests: Readonly<Amounts>;
  /** The same with a weight for containers that ask for nothing. */
  readonly weight: Readonly<Amounts>;
  readonly hostPorts: readonly HostPort[];
}

export const podInfoOf = (pod: Pod): PodInfo => ({
  pod,
  requests: podRequests(pod),
  weight: podWeight(pod),
  hostPorts: hostPortsOf(pod),
});

/** Of containers that run at the same time: an ordinary init container listens to nothing. */
export function hostPortsOf(pod: Pod): HostPort[] {
  return [
    ...pod.spec.containers,
    ...(pod.spec.initContainers ?? []).filter((c) => c.restartPolicy === 'Always'),
  ]
    .flatMap((container) => container.ports ?? [])
    .filter((port) => (port.hostPort ?? 0) > 0)
    .map((port) => ({
      ip: port.hostIP || '0.0.0.0',
      protocol: port.protocol ?? 'TCP',
      port: port.hostPort ?? 0,
    }));
}

/** A Pod whose containers have all ended holds nothing any more. */
export const isFinished = (pod: Pod): boolean =>
  pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';

/** Does the Pod hold less of anything than before? An in-place resize makes room for others. */
export const holdsLess = (before: PodInfo, now: PodInfo): boolean =>
  Object.entries(before.requests).some(([name, amount]) => (now.requests[name] ?? 0) < amount);
