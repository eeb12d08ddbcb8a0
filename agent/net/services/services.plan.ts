/** Services as maps and chains of nftables. Rule: upstream's `pkg/proxy`. One family of addresses at a time. */
import { hostPort } from '#proto/net/host-port.ts';
import type { Service, ServicePort } from '#proto/schema/generated/core-v1.ts';
import type { EndpointSlice } from '#proto/schema/generated/discovery-v1.ts';
import type { NftSet } from '../nft/table.plan.ts';
import { type MapName, planBase, type ServicesTable, TABLE, type TableFacts } from './base.plan.ts';
import { type Family, isOf } from './family.ts';
import { type Place, slicesByService, type Target, targetsOf } from './targets.plan.ts';

export interface ServicesInput extends TableFacts, Place {
  readonly services: readonly Service[];
  readonly slices: readonly EndpointSlice[];
  /** Where this board itself answers for names, as long as no Pods behind a Service do. */
  readonly dnsAddress: string | undefined;
}

/** Another program looks after Services with this label. */
const OTHER_PROXY = 'service.kubernetes.io/service-proxy-name';
const AFFINITY_SECONDS = 10_800;
/** What the kernel puts into a dynamic set is its own. */
const LEARNT: NftSet['elements'] = new Map();

interface Draft extends ServicesTable {
  readonly sets: Map<string, NftSet>;
  readonly chains: Map<string, readonly string[]>;
  readonly elements: Record<MapName, Map<string, string>>;
}

/** Deterministic: the same objects give the same rules, in whichever order they come. */
export function planServices(input: ServicesInput): ServicesTable {
  const elements: Draft['elements'] = {
    services: new Map(),
    nodeports: new Map(),
    refused: new Map(),
    'refused-nodeports': new Map(),
    hairpin: new Map(),
  };
  const draft: Draft = {
    family: input.family.ip,
    name: TABLE,
    base: planBase(input),
    sets: new Map(
      Object.entries(elements).map(([map, its]) => [map, { declaration: undefined, elements: its }]),
    ),
    chains: new Map(),
    elements,
  };
  const slices = slicesByService(input.slices);
  for (const service of [...input.services].sort(byKey)) {
    const ip = servedAt(service, input.family);
    if (ip === undefined) continue;
    for (const port of service.spec.ports ?? [])
      planPort(draft, input, service, ip, port, slices.get(nameOf(service)) ?? []);
  }
  return draft;
}

const nameOf = (service: Service): string => `${service.metadata.namespace}/${service.metadata.name}`;
const byKey = (a: Service, b: Service): number => (nameOf(a) < nameOf(b) ? -1 : 1);

/** Its address of this family; undefined where it is headless or ExternalName, which DNS alone serves, or has none. */
function servedAt({ metadata, spec }: Service, family: Family): string | undefined {
  if (spec.type === 'ExternalName' || metadata.labels?.[OTHER_PROXY] !== undefined) return undefined;
  return (spec.clusterIPs ?? [spec.clusterIP]).find((ip) => isOf(family, ip));
}

function planPort(
  draft: Draft,
  input: ServicesInput,
  service: Service,
  clusterIp: string,
  port: ServicePort,
  slices: readonly EndpointSlice[],
): void {
  const { family } = input;
  const protocol = (port.protocol ?? 'TCP').toLowerCase();
  const { spec } = service;
  const id = `${nameOf(service)}/${protocol}-${port.port}`;
  const { all, local } = targetsOf(port, slices, input, family.name);
  // Chains that nothing leads to are left out: a board keeps only what it needs.
  const needed = new Set<string>();
  const chainOf = (which: 'all' | 'local'): string => {
    needed.add(which);
    return `goto ${which}/${id}`;
  };
  const inner = spec.internalTrafficPolicy === 'Local' ? 'local' : 'all';
  const outer = spec.externalTrafficPolicy === 'Local' ? 'local' : 'all';
  let inside: Verdict = REFUSED;
  let outside: Verdict = REFUSED;
  if (all.length > 0) {
    // Silence, not refusal, where others have what this board has not: a balancer in front is to try another one.
    inside = inner === 'local' && local.length === 0 ? SILENT : { map: true, to: chainOf(inner) };
    outside = { map: true, to: `goto outside/${id}` };
  }

  if (inside !== REFUSED || clusterIp !== input.dnsAddress)
    point(draft, 'services', 'refused', `${clusterIp} . ${protocol} . ${port.port}`, inside);
  const balancer = (spec.loadBalancerSourceRanges ?? [])
    .map((range) => range.trim())
    .filter((range) => isOf(family, range));
  let reached = false;
  const outsideAt = (ip: string, to: Verdict): void => {
    reached = true;
    point(draft, 'services', 'refused', `${ip} . ${protocol} . ${port.port}`, to);
  };
  for (const ip of (spec.externalIPs ?? []).filter((one) => isOf(family, one))) outsideAt(ip, outside);
  const balanced = balancerIps(service, family);
  for (const ip of balanced)
    outsideAt(ip, balancer.length > 0 && outside.map ? { map: true, to: `goto balancer/${id}` } : outside);
  if (port.nodePort && spec.type !== 'ClusterIP') {
    reached = true;
    point(draft, 'nodeports', 'refused-nodeports', `${protocol} . ${port.nodePort}`, outside);
  }

  if (reached && outside.map) {
    draft.chains.set(
      `outside/${id}`,
      outer === 'all'
        ? ['jump masquerade-later', chainOf('all')]
        : [
            // The policy is about clients outside: those inside go wherever the Service is.
            `${family.ip} saddr ${input.clusterCidr} ${chainOf('all')}`,
            'fib saddr type local jump masquerade-later',
            `fib saddr type local ${chainOf('all')}`,
            local.length > 0 ? chainOf('local') : 'drop',
          ],
    );
    if (balanced.length > 0 && balancer.length > 0)
      draft.chains.set(`balancer/${id}`, [
        `${family.ip} saddr != { ${[...balancer].sort().join(', ')} } drop`,
        `goto outside/${id}`,
      ]);
  }
  const affinity =
    spec.sessionAffinity === 'ClientIP'
      ? (spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? AFFINITY_SECONDS)
      : undefined;
  if (needed.has('all')) planTargets(draft, family, `all/${id}`, id, protocol, all, affinity);
  if (needed.has('local')) planTargets(draft, family, `local/${id}`, id, protocol, local, affinity);
  // Only what is on this board can reach itself through it.
  if (needed.size > 0) for (const { ip } of local) draft.elements.hairpin.set(`${ip} . ${ip}`, '');
}

/** `map`: into the nat map; else into the one that refuses. */
interface Verdict {
  readonly map: boolean;
  readonly to: string;
}

const REFUSED: Verdict = { map: false, to: 'goto refuse' };
const SILENT: Verdict = { map: false, to: 'drop' };

/** The first Service that claims an address keeps it. */
function point(draft: Draft, map: MapName, refused: MapName, key: string, { map: open, to }: Verdict): void {
  if (draft.elements[map].has(key) || draft.elements[refused].has(key)) return;
  draft.elements[open ? map : refused].set(key, to);
}

/** Of boards, or what another program has given: the status alone says where a load balancer is. */
function balancerIps({ spec, status }: Service, family: Family): string[] {
  if (spec.type !== 'LoadBalancer') return [];
  const given = (status?.loadBalancer?.ingress ?? []).flatMap(({ ip, ipMode }) =>
    ip && ipMode !== 'Proxy' ? [ip] : [],
  );
  return [...new Set(given)].filter((ip) => isOf(family, ip)).sort();
}

function planTargets(
  draft: Draft,
  { ip: word, type }: Family,
  chain: string,
  id: string,
  protocol: string,
  targets: readonly Target[],
  affinitySeconds: number | undefined,
): void {
  if (affinitySeconds === undefined) {
    draft.chains.set(chain, spread(word, protocol, targets));
    return;
  }
  const ends = targets.map(({ ip, port }) => {
    // Names take no colons.
    const end = `${id}/${ip.replaceAll(':', '_')}/${port}`;
    const clients = `clients/${affinitySeconds}/${end}`;
    const declaration = `type ${type}; flags dynamic,timeout; timeout ${affinitySeconds}s;`;
    draft.sets.set(clients, { declaration, elements: LEARNT });
    draft.chains.set(`end/${end}`, [
      `update @${clients} { ${word} saddr }`,
      `meta l4proto ${protocol} dnat to ${hostPort(ip, port)}`,
    ]);
    return { end, clients };
  });
  draft.chains.set(chain, [
    ...ends.map(({ end, clients }) => `${word} saddr @${clients} goto end/${end}`),
    `numgen random mod ${ends.length} vmap { ${ends.map(({ end }, i) => `${i} : goto end/${end}`).join(', ')} }`,
  ]);
}

function spread(word: string, protocol: string, targets: readonly Target[]): string[] {
  const [only] = targets;
  if (only && targets.length === 1)
    return [`meta l4proto ${protocol} dnat to ${hostPort(only.ip, only.port)}`];
  const map = targets.map(({ ip, port }, index) => `${index} : ${ip} . ${port}`).join(', ');
  return [
    `meta l4proto ${protocol} dnat ${word} addr . port to numgen random mod ${targets.length} map { ${map} }`,
  ];
}
