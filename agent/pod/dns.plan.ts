/** resolv.conf of a pod. Rule: upstream's `pkg/kubelet/network/dns`. */
import type { Pod } from '#proto/schema/generated/core-v1.ts';

export interface DnsConfig {
  readonly servers: readonly string[];
  readonly searches: readonly string[];
  readonly options: readonly string[];
}

/** Cluster DNS as the server told it; undefined where it told none. */
export interface ClusterDns {
  readonly server: string;
  readonly domain: string;
}

const MAX_SERVERS = 3;
const MAX_SEARCHES = 32;

/** `host` is the board's own resolv.conf. */
export function dnsOf(pod: Pod, host: DnsConfig, cluster: ClusterDns | undefined): DnsConfig {
  const base = policy(pod, host, cluster);
  const more = pod.spec.dnsConfig;
  if (!more) return base;
  const options = new Map(base.options.map((text) => [text.split(':')[0] ?? text, text]));
  for (const { name, value } of more.options ?? []) {
    if (name) options.set(name, value === undefined ? name : `${name}:${value}`);
  }
  return {
    servers: unique([...base.servers, ...(more.nameservers ?? [])]).slice(0, MAX_SERVERS),
    searches: unique([...base.searches, ...(more.searches ?? [])]).slice(0, MAX_SEARCHES),
    options: [...options.values()],
  };
}

function policy(pod: Pod, host: DnsConfig, cluster: ClusterDns | undefined): DnsConfig {
  const name = pod.spec.dnsPolicy ?? 'ClusterFirst';
  if (name === 'None') return { servers: [], searches: [], options: [] };
  const wanted = name === 'ClusterFirstWithHostNet' || (name === 'ClusterFirst' && !pod.spec.hostNetwork);
  if (!wanted || !cluster?.server) return host;
  const { domain, server } = cluster;
  const namespace = pod.metadata.namespace ?? 'default';
  const own = domain ? [`${namespace}.svc.${domain}`, `svc.${domain}`, domain] : [];
  return {
    servers: [server],
    searches: unique([...own, ...host.searches]).slice(0, MAX_SEARCHES),
    options: ['ndots:5'],
  };
}

const unique = (list: readonly string[]): string[] => [...new Set(list.filter((text) => text !== ''))];

/** Reads a resolv.conf. */
export function parseResolvConf(text: string): DnsConfig {
  const servers: string[] = [];
  const options: string[] = [];
  let searches: string[] = [];
  for (const line of text.split('\n')) {
    const [keyword, ...words] = line.trim().split(/\s+/);
    if (keyword === 'nameserver' && words[0]) servers.push(words[0]);
    if (keyword === 'search' || keyword === 'domain') searches = words.filter((w) => w !== '.');
    if (keyword === 'options') options.push(...words);
  }
  return { servers, searches, options };
}
