import type { NftTable } from '../nft/table.plan.ts';
import type { Family } from './family.ts';

/** Each family's. */
export const TABLE = 'coracle';

/** Maps and sets that the fixed part declares. */
export type MapName = 'services' | 'nodeports' | 'refused' | 'refused-nodeports' | 'hairpin';

export interface ServicesTable extends NftTable {
  /** Of the sets of the fixed part: the same maps as in `sets`. */
  readonly elements: Readonly<Record<MapName, ReadonlyMap<string, string>>>;
}

/** What of the network the fixed part of the table depends on. */
export interface TableFacts {
  readonly family: Family;
  /** Of this family, as the rest. */
  readonly clusterCidr: string;
  readonly serviceCidr: string;
  /** This board's. */
  readonly podCidrs: readonly string[];
  /** Whether packets between Pods of one bridge pass netfilter, so that answers find their way back by themselves. */
  readonly bridgeFiltered: boolean;
  /** Whether Pods leave the cluster under the board's address; false where another plug-in sees to it. */
  readonly masqueradePods: boolean;
}

const MARK = '0x4000';

/**
 * Names: no hook chain decides about anything but Services and Pods of this board, so that tables of others work beside it.
 * Refusals lie in filter hooks: a reset is an answer, and nat hooks can't give one.
 */
export function planBase(facts: TableFacts): string {
  const { family, clusterCidr, serviceCidr, podCidrs, bridgeFiltered, masqueradePods } = facts;
  const { ip, type, loopback, multicast } = family;
  const pods = `{ ${podCidrs.join(', ')} }`;
  const ownPods = podCidrs.length > 0;
  const lookUp = `${ip} daddr . meta l4proto . th dport`;
  const ownAddress = `fib daddr type local ${ip} daddr != ${loopback} meta l4proto . th dport`;
  const refusing = (hook: string): string =>
    [
      `type filter hook ${hook} priority -10`,
      `ct state new ${lookUp} vmap @refused`,
      ...(hook === 'forward' ? [] : [`ct state new ${ownAddress} vmap @refused-nodeports`]),
    ].join('; ');
  return [
    ` map services { type ${type} . inet_proto . inet_service : verdict; }`,
    ' map nodeports { type inet_proto . inet_service : verdict; }',
    ` map refused { type ${type} . inet_proto . inet_service : verdict; }`,
    ' map refused-nodeports { type inet_proto . inet_service : verdict; }',
    ` set hairpin { type ${type} . ${type}; }`,
    ` chain masquerade-later { meta mark set meta mark or ${MARK}; }`,
    ' chain refuse { meta l4proto tcp reject with tcp reset; reject; }',
    ' chain dispatch {',
    // Who is no Pod may have no way back from a Pod of another board.
    `  ${ip} saddr != ${clusterCidr} ${ip} daddr ${serviceCidr} jump masquerade-later`,
    `  ${lookUp} vmap @services`,
    `  ${ownAddress} vmap @nodeports`,
    ' }',
    ' chain nat-prerouting { type nat hook prerouting priority dstnat; jump dispatch; }',
    ' chain nat-output { type nat hook output priority -100; jump dispatch; }',
    ' chain nat-postrouting { type nat hook postrouting priority srcnat;',
    `  meta mark & ${MARK} == ${MARK} ct status dnat meta mark set meta mark xor ${MARK} masquerade fully-random`,
    `  ct status dnat ${ip} saddr . ${ip} daddr @hairpin masquerade fully-random`,
    ...(ownPods && !bridgeFiltered
      ? [`  ct status dnat ${ip} saddr ${pods} ${ip} daddr ${pods} masquerade fully-random`]
      : []),
    ...(ownPods && masqueradePods
      ? [`  ${ip} saddr ${pods} ${ip} daddr != { ${clusterCidr}, ${multicast} } masquerade fully-random`]
      : []),
    ' }',
    ` chain refuse-input { ${refusing('input')}; }`,
    ` chain refuse-forward { ${refusing('forward')}; }`,
    ` chain refuse-output { ${refusing('output')}; }`,
  ].join('\n');
}
