import { type Answer, type Data, RCODE, type ResourceRecord, TYPE } from '#proto/dns/message.plan.ts';
import { contains, isIpv6, numberOf } from '#proto/net/cidr.ts';
import type { Zone } from './zone.plan.ts';

/** What the cluster itself knows about a name; `forward`: nothing, others are to be asked. */
export type Resolution = { readonly answer: Answer; readonly chase?: string } | 'forward';

/** `turn` moves on with each query, so that clients that take the first address spread over all. */
export function resolve(zone: Zone, name: string, type: number, turn = 0): Resolution {
  if (name !== zone.domain && !name.endsWith(`.${zone.domain}`)) return reverse(zone, name, type);
  const data = zone.names.get(name) ?? podAddress(zone, name);
  if (!data) return missing(zone);
  return found(zone, name, type, data, turn);
}

function found(zone: Zone, name: string, type: number, data: readonly Data[], turn: number): Resolution {
  const alias = data.find((one) => one.type === TYPE.CNAME);
  const wanted = alias ? [alias] : data.filter((one) => type === TYPE.ANY || one.type === type);
  const answers = rotate(wanted, turn).map((one): ResourceRecord => ({ ...one, name }));
  const answer: Answer = {
    rcode: RCODE.NOERROR,
    authoritative: true,
    answers,
    authority: answers.length > 0 ? [] : [soa(zone)],
    additional: answers.flatMap((one) => (one.type === TYPE.SRV ? addressesOf(zone, one.target) : [])),
  };
  const chases = alias && 'target' in alias && type !== TYPE.CNAME && type !== TYPE.ANY;
  return chases ? { answer, chase: alias.target } : { answer };
}

function missing(zone: Zone): Resolution {
  const rcode = zone.complete ? RCODE.NXDOMAIN : RCODE.SERVFAIL;
  return { answer: { rcode, authoritative: true, answers: [], authority: [soa(zone)], additional: [] } };
}

const soa = (zone: Zone): ResourceRecord => ({ type: TYPE.SOA, name: zone.domain, domain: zone.domain });

function addressesOf(zone: Zone, name: string): ResourceRecord[] {
  return (zone.names.get(name) ?? [])
    .filter((one) => one.type === TYPE.A || one.type === TYPE.AAAA)
    .map((one) => ({ ...one, name }));
}

/** Addresses of the cluster's networks have no name elsewhere; asking for one would only cost time. */
function reverse(zone: Zone, name: string, type: number): Resolution {
  if (!name.endsWith('.arpa')) return 'forward';
  const data = zone.names.get(name);
  if (data) return found(zone, name, type, data, 0);
  const ip = addressIn(name);
  return ip && zone.ranges.some((range) => contains(range, ip)) ? missing(zone) : 'forward';
}

/** Of `1.0.43.10.in-addr.arpa`, or of 32 half bytes below `ip6.arpa`. */
function addressIn(name: string): string | undefined {
  const v4 = /^(\d{1,3}(?:\.\d{1,3}){3})\.in-addr\.arpa$/.exec(name)?.[1];
  if (v4) return v4.split('.').reverse().join('.');
  const v6 = /^([\da-f](?:\.[\da-f]){31})\.ip6\.arpa$/.exec(name)?.[1];
  const digits = v6?.split('.').reverse().join('');
  return digits?.match(/.{4}/g)?.join(':');
}

/** `10-42-1-3.default.pod.cluster.local`, `fd00-42--3.…`: it says itself what it means. */
function podAddress(zone: Zone, name: string): readonly Data[] | undefined {
  const suffix = `.pod.${zone.domain}`;
  if (!name.endsWith(suffix)) return undefined;
  const labels = name.slice(0, -suffix.length).split('.');
  const [first = ''] = labels;
  if (labels.length === 1) return first === '' ? undefined : [];
  if (labels.length !== 2) return undefined;
  if (/^\d{1,3}(-\d{1,3}){3}$/.test(first)) {
    const parts = first.split('-').map(Number);
    return parts.every((part) => part < 256) ? [{ type: TYPE.A, ip: parts.join('.') }] : undefined;
  }
  const ip = first.replaceAll('-', ':');
  return isIpv6(ip) && numberOf(ip) ? [{ type: TYPE.AAAA, ip }] : undefined;
}

function rotate<T>(list: readonly T[], turn: number): readonly T[] {
  if (list.length < 2) return list;
  const by = turn % list.length;
  return [...list.slice(by), ...list.slice(0, by)];
}
