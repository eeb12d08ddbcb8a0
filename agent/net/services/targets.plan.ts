import type { ServicePort } from '#proto/schema/generated/core-v1.ts';
import type { Endpoint, EndpointSlice } from '#proto/schema/generated/discovery-v1.ts';

/** One place where a connection may end. */
export interface Target {
  readonly ip: string;
  readonly port: number;
}

/** Where connections of one port of a Service go, seen from one board. Each list is sorted and has no pairs. */
export interface Targets {
  /** Of the whole cluster, or of the zone where that is asked for. */
  readonly all: readonly Target[];
  /** On this board. */
  readonly local: readonly Target[];
}

/** The board that decides. */
export interface Place {
  readonly nodeName: string;
  readonly zone: string | undefined;
}

const SERVICE_NAME = 'kubernetes.io/service-name';

/** Slices by `namespace/name` of their Service. */
export function slicesByService(slices: readonly EndpointSlice[]): ReadonlyMap<string, EndpointSlice[]> {
  const found = new Map<string, EndpointSlice[]>();
  for (const slice of slices) {
    const service = slice.metadata.labels?.[SERVICE_NAME];
    if (!service) continue;
    const key = `${slice.metadata.namespace}/${service}`;
    const list = found.get(key);
    if (list) list.push(slice);
    else found.set(key, [slice]);
  }
  return found;
}

interface Candidate extends Target {
  readonly endpoint: Endpoint;
}

/** Rule: upstream's `pkg/proxy/topology.go`. */
export function targetsOf(
  port: ServicePort,
  slices: readonly EndpointSlice[],
  place: Place,
  family: string,
): Targets {
  const candidates = candidatesOf(port, slices, family);
  const isLocal = ({ endpoint }: Candidate): boolean => endpoint.nodeName === place.nodeName;
  const ready = candidates.filter(({ endpoint }) => endpoint.conditions?.ready ?? true);
  const near = nearest(ready, place);
  return {
    all: inOrder(near.length > 0 ? near : lastResort(candidates)),
    local: inOrder(usable(candidates.filter(isLocal))),
  };
}

function candidatesOf(port: ServicePort, slices: readonly EndpointSlice[], family: string): Candidate[] {
  const found: Candidate[] = [];
  for (const slice of slices) {
    if (slice.addressType !== family) continue;
    const target = slice.ports?.find(
      (p) => (p.name ?? '') === (port.name ?? '') && (p.protocol ?? 'TCP') === (port.protocol ?? 'TCP'),
    );
    if (target?.port === undefined) continue;
    for (const endpoint of slice.endpoints ?? []) {
      const [ip] = endpoint.addresses;
      if (ip) found.push({ ip, port: target.port, endpoint });
    }
  }
  return found;
}

function usable(candidates: readonly Candidate[]): readonly Candidate[] {
  const ready = candidates.filter(({ endpoint }) => endpoint.conditions?.ready ?? true);
  return ready.length > 0 ? ready : lastResort(candidates);
}

/** What is on its way out still answers, and is better than nothing during a rolling update. */
const lastResort = (candidates: readonly Candidate[]): readonly Candidate[] =>
  candidates.filter(({ endpoint: { conditions } }) => conditions?.serving && conditions.terminating);

/** By the hints of the slices; all of them where hints are incomplete or lead nowhere. */
function nearest(ready: readonly Candidate[], { nodeName, zone }: Place): readonly Candidate[] {
  if (ready.every(({ endpoint }) => (endpoint.hints?.forNodes?.length ?? 0) > 0)) {
    const mine = ready.filter(({ endpoint }) =>
      endpoint.hints?.forNodes?.some(({ name }) => name === nodeName),
    );
    if (mine.length > 0) return mine;
  }
  if (!zone || !ready.every(({ endpoint }) => (endpoint.hints?.forZones?.length ?? 0) > 0)) return ready;
  const mine = ready.filter(({ endpoint }) => endpoint.hints?.forZones?.some(({ name }) => name === zone));
  return mine.length > 0 ? mine : ready;
}

function inOrder(candidates: readonly Candidate[]): Target[] {
  const unique = new Map<string, Target>();
  for (const { ip, port } of candidates) unique.set(`${ip}:${port}`, { ip, port });
  return [...unique].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, target]) => target);
}
