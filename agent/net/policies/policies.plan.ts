/**
 * NetworkPolicies as a table of nftables. Rule: the documentation of `networking.k8s.io/v1` and upstream's suite.
 *
 *   forward ─ egress-N: source of this board  → pod-out/<pod> ─ jump out/<policy> … accept ─┐ else drop
 *                                                                                          ▼
 *           ─ ingress-N: target of this board → pod-in/<pod>  ─ jump in/<policy> …  accept    else drop
 *
 * Guarantees: a Pod that no policy selects is not in the maps, and costs one look-up a packet. Only forwarded packets are looked at,
 * after Services have become Pods: what the board itself sends to its Pods (probes) and gets from them passes, and so do
 * Pods on the board's network. Answers pass; what began a connection is asked anew with each packet, so that a policy that
 * forbids it cuts it. A Pod reaches itself.
 */
import type {
  AddressGroup,
  BoardPolicy,
  BoardPolicyPeer,
  BoardPolicyRule,
  NamedPort,
} from '#proto/agent/board-policy.ts';
import { type Labels, matchesLabels, selectorFromObject } from '#proto/meta/selector.ts';
import { isIpv6 } from '#proto/net/cidr.ts';
import type { NetworkPolicyPort } from '#proto/schema/generated/networking-v1.ts';
import type { NftSet, NftTable } from '../nft/table.plan.ts';

/** A Pod of this board with a network of its own. */
export interface LocalPod {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly labels: Labels | undefined;
  readonly ips: readonly string[];
  readonly ports: readonly NamedPort[];
}

export interface PoliciesInput {
  readonly policies: readonly BoardPolicy[];
  readonly groups: readonly AddressGroup[];
  readonly pods: readonly LocalPod[];
}

export const POLICY_TABLE = { family: 'inet', name: 'coracle-policy' } as const;

const FAMILIES = [
  { version: '4', ip: 'ip', type: 'ipv4_addr', has: (ip: string) => !isIpv6(ip) },
  { version: '6', ip: 'ip6', type: 'ipv6_addr', has: isIpv6 },
] as const;

type Direction = 'in' | 'out';
/** Of the packets that began a connection: who the peer of a policy is. */
const PEER = { in: 'saddr', out: 'daddr' } as const;

const hook = (name: string, priority: number, map: string, side: 'saddr' | 'daddr'): string[] => [
  ` chain ${name} { type filter hook forward priority ${priority};`,
  '  ct direction reply accept',
  '  ct state related accept',
  // Bridged neighbours of IPv6 have no other way to find each other.
  '  icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit, nd-router-advert } accept',
  ...FAMILIES.flatMap(({ version, ip }) => [
    `  ${ip} saddr . ${ip} daddr @self-${version} accept`,
    `  ${ip} ${side} vmap @${map}-${version}`,
  ]),
  ' }',
];

/** Two hooks: `accept` ends one of them, and a packet within a board has to pass both. */
const BASE = [
  ...FAMILIES.flatMap(({ version, type }) => [
    ` map ingress-${version} { type ${type} : verdict; }`,
    ` map egress-${version} { type ${type} : verdict; }`,
    ` set self-${version} { type ${type} . ${type}; }`,
  ]),
  ...hook('egress', -5, 'egress', 'saddr'),
  ...hook('ingress', -4, 'ingress', 'daddr'),
].join('\n');

/** Deterministic: the same objects give the same table, in whichever order they come. */
export function planPolicies({ policies, groups, pods }: PoliciesInput): NftTable {
  const draft = new Draft(groups);
  const used = new Map<string, { policy: BoardPolicy; selected: LocalPod[] }>();
  for (const pod of [...pods].sort((a, b) => (a.uid < b.uid ? -1 : 1))) {
    const selecting = policies.filter((policy) => isSelected(policy, pod)).sort(byName);
    if (selecting.length === 0) continue;
    for (const policy of selecting) {
      const id = idOf(policy.metadata);
      const known = used.get(id);
      if (known) known.selected.push(pod);
      else used.set(id, { policy, selected: [pod] });
    }
    draft.isolate(pod, 'in', selecting);
    draft.isolate(pod, 'out', selecting);
  }
  for (const [id, { policy, selected }] of used) {
    draft.policy(`in/${id}`, 'in', policy.ingress ?? [], (port) => ownPorts(selected, port));
    draft.policy(`out/${id}`, 'out', policy.egress ?? [], () => []);
  }
  return { ...POLICY_TABLE, base: BASE, sets: draft.sets, chains: draft.chains };
}

export function isSelected(
  { metadata, podSelector }: BoardPolicy,
  pod: Omit<LocalPod, 'ips' | 'ports'>,
): boolean {
  return metadata.namespace === pod.namespace && matchesLabels(selectorFromObject(podSelector), pod.labels);
}

const byName = (a: BoardPolicy, b: BoardPolicy): number => (idOf(a.metadata) < idOf(b.metadata) ? -1 : 1);

/** nftables takes 255 characters, Kubernetes more; the uid is as good, if not as nice to read. */
function idOf({
  namespace,
  name,
  uid,
}: {
  namespace?: string | undefined;
  name?: string | undefined;
  uid?: string | undefined;
}): string {
  const id = `${namespace}/${name}`;
  return id.length > 180 ? `${uid}` : id;
}

/** A part of a rule, and the family of addresses that it is about; undefined: both. */
interface Match {
  readonly text: string;
  readonly version?: '4' | '6';
}

/** A port of a rule by its name, as elements `address . protocol . port`. */
type NameLookup = (port: NetworkPolicyPort) => string[];

class Draft {
  readonly sets = new Map<string, NftSet>();
  readonly chains = new Map<string, readonly string[]>();
  readonly #maps = new Map<string, Map<string, string>>();
  readonly #groups: ReadonlyMap<string, AddressGroup>;

  constructor(groups: readonly AddressGroup[]) {
    this.#groups = new Map(groups.map((group) => [group.metadata.name ?? '', group]));
    for (const { version } of FAMILIES)
      for (const name of [`ingress-${version}`, `egress-${version}`, `self-${version}`]) {
        const elements = new Map<string, string>();
        this.#maps.set(name, elements);
        this.sets.set(name, { declaration: undefined, elements });
      }
  }

  /** The Pod's own chain: what no policy of its lets pass is dropped. */
  isolate(pod: LocalPod, direction: Direction, selecting: readonly BoardPolicy[]): void {
    const key = direction === 'in' ? 'ingress' : 'egress';
    const isolating = selecting.filter((policy) => policy[key] !== undefined);
    if (isolating.length === 0) return;
    const chain = `pod-${direction}/${idOf(pod)}`;
    const jumps = isolating.filter((policy) => policy[key]?.length);
    this.chains.set(chain, [...jumps.map(({ metadata }) => `jump ${direction}/${idOf(metadata)}`), 'drop']);
    for (const ip of pod.ips) {
      const version = isIpv6(ip) ? '6' : '4';
      this.#maps.get(`${key}-${version}`)?.set(ip, `goto ${chain}`);
      this.#maps.get(`self-${version}`)?.set(`${ip} . ${ip}`, '');
    }
  }

  /** What one policy lets pass in one direction. */
  policy(chain: string, direction: Direction, rules: readonly BoardPolicyRule[], own: NameLookup): void {
    if (rules.length === 0) return;
    const lines: string[] = [];
    // No packet is of two families, and nft refuses to ask for one.
    const agree = (a: Match, b: Match): boolean => !a.version || !b.version || a.version === b.version;
    for (const rule of rules)
      for (const { peer, names } of this.#peers(rule, direction, own))
        for (const port of this.#ports(rule.ports, chain, names))
          if (agree(peer, port)) lines.push(joined(peer.text, port.text, 'accept'));
    this.chains.set(chain, [...new Set(lines)]);
  }

  #peers(
    { peers, everyPod }: BoardPolicyRule,
    direction: Direction,
    own: NameLookup,
  ): { peer: Match; names: NameLookup }[] {
    const namesIn = (group: string | undefined): NameLookup =>
      direction === 'in' ? own : (port) => this.#groupPorts(group, port);
    if (!peers) return [{ peer: { text: '' }, names: namesIn(everyPod) }];
    return peers.flatMap((peer) =>
      'group' in peer
        ? this.#groupMatches(peer.group, direction).map((match) => ({
            peer: match,
            names: namesIn(peer.group),
          }))
        : [{ peer: blockMatch(peer, direction), names: namesIn(everyPod) }],
    );
  }

  /** A group that has not come yet, or is empty, lets nobody pass. */
  #groupMatches(name: string, direction: Direction): Match[] {
    const ips = (this.#groups.get(name)?.members ?? []).flatMap((member) => member.ips);
    return FAMILIES.flatMap((family) => {
      const own = ips.filter(family.has);
      if (own.length === 0 && family.version === '6') return [];
      const set = `group/${name}/${family.version}`;
      this.#set(set, `type ${family.type};`, own);
      return [{ text: `${family.ip} ${PEER[direction]} @${set}`, version: family.version }];
    });
  }

  #groupPorts(name: string | undefined, { port, protocol = 'TCP' }: NetworkPolicyPort): string[] {
    return (this.#groups.get(name ?? '')?.members ?? []).flatMap(({ ips, ports }) =>
      (ports ?? [])
        .filter((named) => named.name === port && named.protocol === protocol.toLowerCase())
        .flatMap((named) => ips.map((ip) => `${ip} . ${named.protocol} . ${named.port}`)),
    );
  }

  #ports(ports: readonly NetworkPolicyPort[] | undefined, chain: string, names: NameLookup): Match[] {
    if (!ports) return [{ text: '' }];
    const numbers = new Map<string, [number, number][]>();
    const matches: Match[] = [];
    for (const entry of ports) {
      const protocol = (entry.protocol ?? 'TCP').toLowerCase();
      if (entry.port === undefined) matches.push({ text: `meta l4proto ${protocol}` });
      else if (typeof entry.port === 'number') {
        const ranges = numbers.get(protocol) ?? [];
        ranges.push([entry.port, entry.endPort ?? entry.port]);
        numbers.set(protocol, ranges);
      } else matches.push(...this.#named(`named/${chain}/${protocol}-${entry.port}`, names(entry)));
    }
    for (const [protocol, ranges] of numbers)
      matches.push({ text: `${protocol} dport { ${merged(ranges).join(', ')} }` });
    return matches;
  }

  #named(prefix: string, elements: readonly string[]): Match[] {
    return FAMILIES.flatMap((family) => {
      const own = elements.filter((element) => family.has(element));
      if (own.length === 0 && family.version === '6') return [];
      const set = `${prefix}/${family.version}`;
      this.#set(set, `type ${family.type} . inet_proto . inet_service;`, own);
      return [{ text: `${family.ip} daddr . meta l4proto . th dport @${set}`, version: family.version }];
    });
  }

  #set(name: string, declaration: string, elements: readonly string[]): void {
    const known = this.sets.get(name)?.elements ?? [];
    const all = new Map<string, string>([...known, ...elements.map((element) => [element, ''] as const)]);
    this.sets.set(name, { declaration, elements: all });
  }
}

const joined = (...parts: string[]): string => parts.filter((part) => part !== '').join(' ');

function blockMatch({ block }: Extract<BoardPolicyPeer, { block: unknown }>, direction: Direction): Match {
  const match = (cidr: string, not: string): string => {
    const v6 = isIpv6(cidr);
    return cidr.endsWith('/0')
      ? `meta nfproto ${not}${v6 ? 'ipv6' : 'ipv4'}`
      : `${v6 ? 'ip6' : 'ip'} ${PEER[direction]} ${not}${cidr}`;
  };
  return {
    text: joined(match(block.cidr, ''), ...(block.except ?? []).map((cidr) => match(cidr, '!= '))),
    version: isIpv6(block.cidr) ? '6' : '4',
  };
}

/** Ranges that overlap are refused by older nft. */
function merged(ranges: readonly [number, number][]): string[] {
  const out: [number, number][] = [];
  for (const [from, to] of [...ranges].sort((a, b) => a[0] - b[0] || a[1] - b[1])) {
    const last = out.at(-1);
    if (last && from <= last[1] + 1) last[1] = Math.max(last[1], to);
    else out.push([from, to]);
  }
  return out.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`));
}

function ownPorts(selected: readonly LocalPod[], { port, protocol = 'TCP' }: NetworkPolicyPort): string[] {
  return selected.flatMap(({ ips, ports }) =>
    ports
      .filter((own) => own.name === port && own.protocol === protocol.toLowerCase())
      .flatMap((own) => ips.map((ip) => `${ip} . ${own.protocol} . ${own.port}`)),
  );
}
