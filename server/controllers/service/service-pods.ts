import { isIpv6 } from '#proto/net/cidr.ts';
import type { Pod, Service, ServicePort } from '#proto/schema/generated/core-v1.ts';
import { isPodTerminal } from '#server/controllers/pod-state.ts';

export const HEADLESS_LABEL = 'service.kubernetes.io/headless';

export const isHeadless = (service: Service): boolean => service.spec.clusterIP === 'None';

/** Services without a selector, and names for the outside world, have endpoints that others write. */
export const hasEndpoints = (service: Service): boolean =>
  service.spec.type !== 'ExternalName' && Object.keys(service.spec.selector ?? {}).length > 0;

/** Has an address and is not over. Those that are being deleted count where `terminating` says so. */
export const isEndpoint = (pod: Pod, terminating: boolean): boolean =>
  !isPodTerminal(pod) &&
  Boolean(pod.status?.podIP || pod.status?.podIPs?.length) &&
  (terminating || pod.metadata.deletionTimestamp === undefined);

/** The pod's address in the family asked for. */
export function addressOf(pod: Pod, family: string): string | undefined {
  const all = pod.status?.podIPs?.map(({ ip }) => ip) ?? [];
  const known = all.length > 0 ? all : [pod.status?.podIP];
  return known.find((ip) => ip && isIpv6(ip) === (family === 'IPv6'));
}

/** The number that a service port has on this pod: a named target port is looked up in its containers. */
export function targetPortOf(pod: Pod, port: ServicePort): number | undefined {
  const target = port.targetPort;
  if (target === undefined || target === 0 || target === '') return port.port;
  if (typeof target === 'number') return target;
  const protocol = port.protocol ?? 'TCP';
  // Sidecars are init containers that keep running: their ports serve too.
  const sidecars = (pod.spec.initContainers ?? []).filter((c) => c.restartPolicy === 'Always');
  for (const container of [...pod.spec.containers, ...sidecars]) {
    for (const candidate of container.ports ?? []) {
      if (candidate.name === target && (candidate.protocol ?? 'TCP') === protocol) {
        return candidate.containerPort;
      }
    }
  }
  return /^\d+$/.test(target) ? Number(target) : undefined;
}

/** DNS names a pod only where its subdomain is this service. */
export const hostnameOf = (pod: Pod, service: Service): string | undefined =>
  pod.spec.hostname && pod.spec.subdomain === service.metadata.name ? pod.spec.hostname : undefined;

/** The service's own labels, and a mark where it has no address of its own. */
export function endpointLabels(service: Service): Record<string, string> {
  const { [HEADLESS_LABEL]: _own, ...labels } = service.metadata.labels ?? {};
  return isHeadless(service) ? { ...labels, [HEADLESS_LABEL]: '' } : labels;
}
