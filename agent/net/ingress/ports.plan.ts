/** Who else on this board wants the ports of Ingresses. Pure. */
import type { Pod, Service } from '#proto/schema/generated/core-v1.ts';

export interface PortUsers {
  readonly services: readonly Service[];
  /** Of this board. */
  readonly pods: readonly Pod[];
  readonly hostIps: readonly string[];
}

/**
 * What the kernel sends elsewhere before a listening socket sees it, or what listens itself: a sentence for each port that is
 * somebody else's by what the cluster wants of this board.
 */
export function planPortConflicts(
  ports: readonly number[],
  { services, pods, hostIps }: PortUsers,
): ReadonlyMap<number, string> {
  const found = new Map<number, string>();
  const take = (port: number | undefined, protocol: string | undefined, who: string): void => {
    if (port !== undefined && ports.includes(port) && (protocol ?? 'TCP') === 'TCP' && !found.has(port))
      found.set(port, `port ${port} is that of ${who}`);
  };
  for (const { metadata, spec, status } of services) {
    const balanced = spec.type === 'LoadBalancer' ? (status?.loadBalancer?.ingress ?? []) : [];
    if (!balanced.some(({ ip }) => ip !== undefined && hostIps.includes(ip))) continue;
    for (const { port, protocol } of spec.ports ?? [])
      take(port, protocol, `LoadBalancer Service ${metadata.namespace}/${metadata.name}`);
  }
  for (const { metadata, spec } of pods) {
    for (const { ports: wanted = [] } of [...(spec.initContainers ?? []), ...spec.containers])
      for (const { hostPort, containerPort, protocol } of wanted)
        take(
          hostPort ?? (spec.hostNetwork ? containerPort : undefined),
          protocol,
          `Pod ${metadata.namespace}/${metadata.name}`,
        );
  }
  return found;
}
