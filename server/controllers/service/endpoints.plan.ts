import type {
  EndpointAddress,
  EndpointPort,
  EndpointSubset,
  Pod,
  Service,
} from '#proto/schema/generated/core-v1.ts';
import { canonicalJson } from '#server/controllers/json.ts';
import { isPodReady } from '#server/controllers/pod-state.ts';
import { addressOf, hostnameOf, isEndpoint, targetPortOf } from '#server/controllers/service/service-pods.ts';

/** Beyond this many addresses EndpointSlices are the only whole truth. */
const MAX_ADDRESSES = 1000;

interface Group {
  readonly ports: EndpointPort[];
  readonly ready: EndpointAddress[];
  readonly notReady: EndpointAddress[];
}

/** Addresses with the same ports share a subset. Rule: upstream's `endpoints_controller.go`. */
export function planSubsets(service: Service, pods: readonly Pod[]): EndpointSubset[] {
  const anyway = service.spec.publishNotReadyAddresses === true;
  const family = service.spec.ipFamilies?.[0] ?? 'IPv4';
  const groups = new Map<string, Group>();
  let left = MAX_ADDRESSES;
  for (const pod of pods) {
    const ip = isEndpoint(pod, anyway) ? addressOf(pod, family) : undefined;
    const ports = portsOf(service, pod);
    if (!ip || !ports || left <= 0) continue;
    left -= 1;
    const id = canonicalJson(ports);
    const group = groups.get(id) ?? { ports, ready: [], notReady: [] };
    groups.set(id, group);
    const list = anyway || isPodReady(pod) ? group.ready : group.notReady;
    list.push(endpointAddress(service, pod, ip));
  }
  return [...groups]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, { ports, ready, notReady }]) => ({
      ...(ready.length > 0 ? { addresses: ready.sort(byIp) } : {}),
      ...(notReady.length > 0 ? { notReadyAddresses: notReady.sort(byIp) } : {}),
      ...(ports.length > 0 ? { ports } : {}),
    }));
}

const byIp = (a: EndpointAddress, b: EndpointAddress): number => (a.ip < b.ip ? -1 : a.ip > b.ip ? 1 : 0);

/** Undefined: the service has ports, but this pod knows none of them. */
function portsOf(service: Service, pod: Pod): EndpointPort[] | undefined {
  const wanted = service.spec.ports ?? [];
  const ports = wanted.flatMap((port): EndpointPort[] => {
    const number = targetPortOf(pod, port);
    if (number === undefined) return [];
    return [
      {
        ...(port.name ? { name: port.name } : {}),
        port: number,
        protocol: port.protocol ?? 'TCP',
        ...(port.appProtocol ? { appProtocol: port.appProtocol } : {}),
      },
    ];
  });
  return ports.length === 0 && wanted.length > 0 ? undefined : ports;
}

function endpointAddress(service: Service, pod: Pod, ip: string): EndpointAddress {
  const hostname = hostnameOf(pod, service);
  const { namespace, name, uid } = pod.metadata;
  return {
    ip,
    ...(hostname ? { hostname } : {}),
    ...(pod.spec.nodeName ? { nodeName: pod.spec.nodeName } : {}),
    targetRef: { kind: 'Pod', namespace, name, uid },
  };
}
