import { endpoints as endpointsResource } from '#proto/api/core/endpoints.ts';
import { isIpv6 } from '#proto/net/cidr.ts';
import type { EndpointAddress, EndpointSubset, Endpoints, Service } from '#proto/schema/generated/core-v1.ts';
import type { Endpoint, EndpointPort, EndpointSlice } from '#proto/schema/generated/discovery-v1.ts';
import { canonicalJson, equalJson } from '#server/controllers/json.ts';
import { controllerReference } from '#server/controllers/ownership.ts';
import { MANAGED_BY, SERVICE_NAME, type SlicePlan } from '#server/controllers/service/endpointslice.plan.ts';

export const MIRROR = 'endpointslicemirroring-controller.k8s.io';
const SKIP = 'endpointslice.kubernetes.io/skip-mirror';
const LEADER = 'control-plane.alpha.kubernetes.io/leader';
/** Beyond this many of a subset are not mirrored: upstream's default. */
const MAX_ENDPOINTS = 1000;
/** They say how an Endpoints object was written, not what it is. */
const OWN_ANNOTATIONS = [
  'endpoints.kubernetes.io/last-change-trigger-time',
  'kubectl.kubernetes.io/last-applied-configuration',
];

/** Whether an Endpoints object speaks for a service whose endpoints somebody writes by hand. */
export const isMirrored = (endpoints: Endpoints | undefined, service: Service | undefined): boolean =>
  endpoints !== undefined &&
  service !== undefined &&
  service.spec.selector === undefined &&
  endpoints.metadata.labels?.[SKIP] !== 'true' &&
  endpoints.metadata.annotations?.[LEADER] === undefined;

/**
 * One slice for each family and set of ports of an Endpoints object. A slice that has to go is written anew where one is
 * missing. Rule: upstream's `endpointslicemirroring/reconciler.go`.
 */
export function planMirror(endpoints: Endpoints, existing: readonly EndpointSlice[]): SlicePlan {
  const left = [...existing].sort((a, b) => ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1));
  const create: EndpointSlice[] = [];
  const update: EndpointSlice[] = [];
  const missing: EndpointSlice[] = [];
  for (const wished of mirrorOf(endpoints)) {
    const at = left.findIndex((slice) => idOf(slice) === idOf(wished));
    const [current] = at < 0 ? [] : left.splice(at, 1);
    if (!current) missing.push(wished);
    else if (!sameContent(current, wished)) update.push(onto(current, wished));
  }
  for (const wished of missing) {
    const at = left.findIndex(({ addressType }) => addressType === wished.addressType);
    const [recycled] = at < 0 ? [] : left.splice(at, 1);
    if (recycled) update.push(onto(recycled, wished));
    else create.push(wished);
  }
  return { create, update, remove: left };
}

const idOf = ({ addressType, ports = [] }: EndpointSlice): string =>
  canonicalJson([addressType, ports.map((port) => canonicalJson(port)).sort()]);

const sameContent = (a: EndpointSlice, b: EndpointSlice): boolean =>
  equalJson(a.endpoints ?? [], b.endpoints ?? []) &&
  equalJson(a.metadata.labels ?? {}, b.metadata.labels ?? {}) &&
  equalJson(a.metadata.annotations ?? {}, b.metadata.annotations ?? {});

function onto(current: EndpointSlice, { metadata, endpoints, ports }: EndpointSlice): EndpointSlice {
  const { labels, annotations, ownerReferences } = metadata;
  return {
    ...current,
    metadata: { ...current.metadata, labels, annotations, ownerReferences },
    endpoints,
    ports,
  } as EndpointSlice;
}

function mirrorOf(endpoints: Endpoints): EndpointSlice[] {
  const groups = new Map<string, EndpointSlice>();
  for (const subset of endpoints.subsets ?? [])
    for (const { address, ready } of addressesOf(subset)) {
      const addressType = isIpv6(address.ip) ? 'IPv6' : 'IPv4';
      const empty = newSlice(endpoints, addressType, portsOf(subset));
      const slice = groups.get(idOf(empty)) ?? empty;
      groups.set(idOf(slice), slice);
      const endpoint = endpointOf(address, ready);
      if (!slice.endpoints?.some((other) => equalJson(other, endpoint))) slice.endpoints?.push(endpoint);
    }
  return [...groups.values()];
}

const addressesOf = ({ addresses = [], notReadyAddresses = [] }: EndpointSubset) =>
  [
    ...addresses.map((address) => ({ address, ready: true })),
    ...notReadyAddresses.map((address) => ({ address, ready: false })),
  ].slice(0, MAX_ENDPOINTS);

const portsOf = ({ ports = [] }: EndpointSubset): EndpointPort[] =>
  ports.map(({ name = '', port, protocol = 'TCP', appProtocol }) => ({
    name,
    port,
    protocol,
    ...(appProtocol ? { appProtocol } : {}),
  }));

const endpointOf = ({ ip, targetRef, nodeName, hostname }: EndpointAddress, ready: boolean): Endpoint => ({
  addresses: [ip],
  conditions: { ready },
  ...(targetRef ? { targetRef } : {}),
  ...(nodeName ? { nodeName } : {}),
  ...(hostname ? { hostname } : {}),
});

function newSlice(endpoints: Endpoints, addressType: string, ports: EndpointPort[]): EndpointSlice {
  const { name = '', namespace, labels, annotations = {} } = endpoints.metadata;
  const cloned = Object.entries(annotations).filter(([key]) => !OWN_ANNOTATIONS.includes(key));
  return {
    metadata: {
      generateName: `${name}-`,
      namespace,
      labels: { ...labels, [SERVICE_NAME]: name, [MANAGED_BY]: MIRROR },
      annotations: Object.fromEntries(cloned),
      ownerReferences: [controllerReference(endpoints, endpointsResource)],
    },
    addressType,
    endpoints: [],
    ports,
  } as EndpointSlice;
}
