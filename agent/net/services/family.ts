import { isIpv6 } from '#proto/net/cidr.ts';

/** The words of one family of addresses in nftables. Each family that the cluster has is a table of its own. */
export interface Family {
  /** As slices and Services say it. */
  readonly name: 'IPv4' | 'IPv6';
  /** Of the table, and before `saddr` and `daddr`. */
  readonly ip: 'ip' | 'ip6';
  readonly type: 'ipv4_addr' | 'ipv6_addr';
  readonly loopback: string;
  readonly multicast: string;
}

export const IPV4: Family = {
  name: 'IPv4',
  ip: 'ip',
  type: 'ipv4_addr',
  loopback: '127.0.0.0/8',
  multicast: '224.0.0.0/4',
};

export const IPV6: Family = {
  name: 'IPv6',
  ip: 'ip6',
  type: 'ipv6_addr',
  loopback: '::1',
  multicast: 'ff00::/8',
};

/** An address or a range. */
export const isOf = ({ name }: Family, text: string | undefined): text is string =>
  text !== undefined && text !== '' && text !== 'None' && isIpv6(text) === (name === 'IPv6');

/** Of `10.43.0.0/16,fd00:43::/112`; undefined: the cluster has none of that family. */
export const rangeOf = (family: Family, ranges: string): string | undefined =>
  ranges.split(',').find((range) => isOf(family, range));
