import { services } from '#proto/api/core/services.ts';
import type { Node, Pod, Service } from '#proto/schema/generated/core-v1.ts';
import type {
  Endpoint,
  EndpointHints,
  EndpointPort,
  EndpointSlice,
} from '#proto/schema/generated/discovery-v1.ts';
import { canonicalJson, equalJson } from '#server/controllers/json.ts';
import { controllerReference } from '#server/controllers/ownership.ts';
import { isPodReady } from '#server/controllers/pod-state.ts';
import {
  addressOf,
  endpointLabels,
  hostnameOf,
  isEndpoint,
  targetPortOf,
} from '#server/controllers/service/service-pods.ts';

export const SERVICE_NAME = 'kubernetes.io/service-name';
export const MANAGED_BY = 'endpointslice.kubernetes.io/managed-by';
export const MANAGER = 'endpointslice-controller.k8s.io';
const ZONE = 'topology.kubernetes.io/zone';
/** With it, hints are another mechanism's. */
const TOPOLOGY_MODE = 'service.kubernetes.io/topology-mode';
const MAX_ENDPOINTS = 100;

export interface SlicePlan {
  readonly create: readonly EndpointSlice[];
  readonly update: readonly EndpointSlice[];
  readonly remove: readonly EndpointSlice[];
}

interface Group {
  readonly family: string;
  readonly ports: EndpointPort[];
  /** By the pod's uid. */
  readonly endpoints: Map<string, Endpoint>;
}

/**
 * Slices for a service, of at most a hundred endpoints. An endpoint stays in the slice that it is in, so that a
 * change of one pod is a write of one slice. Rule: upstream's `endpointslice/reconciler.go`.
 */
export function planEndpointSlices(
  service: Service,
  pods: readonly Pod[],
  existing: readonly EndpointSlice[],
  nodeOf: (name: string) => Node | undefined,
): SlicePlan {
  const plan = {
    create: [] as EndpointSlice[],
    update: [] as EndpointSlice[],
    remove: [] as EndpointSlice[],
  };
  const groups = groupEndpoints(service, pods, nodeOf);
  const sorted = [...existing].sort((a, b) => ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1));
  for (const slice of sorted) {
    const id = idOf(slice.addressType, slice.ports ?? []);
    if (!groups.has(id)) plan.remove.push(slice);
  }
  for (const [id, group] of groups) {
    const mine = sorted.filter((slice) => idOf(slice.addressType, slice.ports ?? []) === id);
    planGroup(service, group, mine, plan);
  }
  return plan;
}

const idOf = (family: string, ports: readonly EndpointPort[]): string =>
  canonicalJson([family, [...ports].map((p) => canonicalJson(p)).sort()]);

function groupEndpoints(
  service: Service,
  pods: readonly Pod[],
  nodeOf: (name: string) => Node | undefined,
): Map<string, Group> {
  const groups = new Map<string, Group>();
  const families = service.spec.ipFamilies?.length ? service.spec.ipFamilies : ['IPv4'];
  for (const family of families) {
    for (const pod of pods) {
      const address = isEndpoint(pod, true) ? addressOf(pod, family) : undefined;
      if (!address) continue;
      const ports = portsOf(service, pod);
      const id = idOf(family, ports);
      const group = groups.get(id) ?? { family, ports, endpoints: new Map() };
      groups.set(id, group);
      group.endpoints.set(pod.metadata.uid ?? '', endpointOf(service, pod, address, nodeOf));
    }
    // A service that nobody serves yet has an empty slice: proxies then refuse at once.
    if (![...groups.values()].some((group) => group.family === family)) {
      groups.set(idOf(family, []), { family, ports: [], endpoints: new Map() });
    }
  }
  return groups;
}

function portsOf(service: Service, pod: Pod): EndpointPort[] {
  return (service.spec.ports ?? []).flatMap((port): EndpointPort[] => {
    const number = targetPortOf(pod, port);
    if (number === undefined) return [];
    return [
      {
        name: port.name ?? '',
        port: number,
        protocol: port.protocol ?? 'TCP',
        ...(port.appProtocol ? { appProtocol: port.appProtocol } : {}),
      },
    ];
  });
}

function endpointOf(
  service: Service,
  pod: Pod,
  address: string,
  nodeOf: (name: string) => Node | undefined,
): Endpoint {
  const serving = isPodReady(pod);
  const terminating = pod.metadata.deletionTimestamp !== undefined;
  const { namespace, name, uid } = pod.metadata;
  const { nodeName } = pod.spec;
  const zone = nodeName ? nodeOf(nodeName)?.metadata.labels?.[ZONE] : undefined;
  const hostname = hostnameOf(pod, service);
  const ready = service.spec.publishNotReadyAddresses === true || (serving && !terminating);
  const hints = ready ? hintsOf(service, nodeName, zone) : undefined;
  return {
    addresses: [address],
    conditions: { ready, serving, terminating },
    ...(hints ? { hints } : {}),
    ...(hostname ? { hostname } : {}),
    targetRef: { kind: 'Pod', namespace, name, uid },
    ...(nodeName ? { nodeName } : {}),
    ...(zone ? { zone } : {}),
  };
}

/** Who should rather use the endpoint: those near it, as far as the Service asks for it. Rule: upstream's `trafficdist`. */
function hintsOf(
  { metadata, spec }: Service,
  nodeName: string | undefined,
  zone: string | undefined,
): EndpointHints | undefined {
  const { trafficDistribution } = spec;
  if (!trafficDistribution || /^auto$/i.test(metadata.annotations?.[TOPOLOGY_MODE] ?? '')) return undefined;
  const forNodes = trafficDistribution === 'PreferSameNode' && nodeName ? [{ name: nodeName }] : undefined;
  const forZones = zone ? [{ name: zone }] : undefined;
  return forNodes || forZones
    ? { ...(forZones ? { forZones } : {}), ...(forNodes ? { forNodes } : {}) }
    : undefined;
}

function planGroup(
  service: Service,
  group: Group,
  existing: readonly EndpointSlice[],
  plan: { create: EndpointSlice[]; update: EndpointSlice[]; remove: EndpointSlice[] },
): void {
  const missing = new Map(group.endpoints);
  const kept = existing.map((slice) => {
    const endpoints = (slice.endpoints ?? []).flatMap((endpoint) => {
      const uid = endpoint.targetRef?.uid ?? '';
      const wanted = missing.get(uid);
      missing.delete(uid);
      return wanted ? [wanted] : [];
    });
    return { slice, endpoints };
  });
  const rest = [...missing.values()];
  for (const { endpoints } of kept) endpoints.push(...rest.splice(0, MAX_ENDPOINTS - endpoints.length));
  let held = kept.filter(({ endpoints }) => endpoints.length > 0);
  // One slice stays even when it is empty.
  if (held.length === 0 && rest.length === 0) held = kept.slice(0, 1);
  for (const entry of kept) if (!held.includes(entry)) plan.remove.push(entry.slice);
  const labels = sliceLabels(service);
  for (const { slice, endpoints } of held) {
    if (equalJson(endpoints, slice.endpoints ?? []) && equalJson(labels, slice.metadata.labels)) continue;
    plan.update.push({ ...slice, metadata: { ...slice.metadata, labels }, endpoints });
  }
  const needed = Math.max(Math.ceil(rest.length / MAX_ENDPOINTS), held.length === 0 ? 1 : 0);
  for (let i = 0; i < needed; i += 1) {
    const endpoints = rest.slice(i * MAX_ENDPOINTS, (i + 1) * MAX_ENDPOINTS);
    plan.create.push(newSlice(service, group, endpoints));
  }
}

const sliceLabels = (service: Service): Record<string, string> => ({
  ...endpointLabels(service),
  [SERVICE_NAME]: service.metadata.name ?? '',
  [MANAGED_BY]: MANAGER,
});

const newSlice = (service: Service, group: Group, endpoints: Endpoint[]): EndpointSlice => ({
  metadata: {
    generateName: `${service.metadata.name}-`,
    namespace: service.metadata.namespace,
    labels: sliceLabels(service),
    ownerReferences: [controllerReference(service, services)],
  },
  addressType: group.family,
  endpoints,
  ports: group.ports,
});
