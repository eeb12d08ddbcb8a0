import type { Pod } from '#proto/schema/generated/core-v1.ts';

/** A hostname has at most 63 characters; a pod name may have more. */
const MAX = 63;

export interface PodHostname {
  /** What the sandbox's kernel is told. */
  readonly hostname: string;
  /** The short name, for /etc/hosts. */
  readonly short: string;
  /** With subdomain and cluster domain; '' where the pod has no subdomain. */
  readonly fqdn: string;
}

/** Rule: upstream's `GeneratePodHostNameAndDomain`. */
export function hostnameOf(pod: Pod, clusterDomain: string): PodHostname {
  const { spec, metadata } = pod;
  if (spec.hostnameOverride)
    return { hostname: spec.hostnameOverride, short: spec.hostnameOverride, fqdn: '' };
  const short = spec.hostname || (metadata.name ?? '').slice(0, MAX).replace(/[-.]+$/, '');
  const fqdn = spec.subdomain ? `${short}.${spec.subdomain}.${metadata.namespace}.svc.${clusterDomain}` : '';
  const hostname = spec.setHostnameAsFQDN && fqdn ? fqdn : short;
  return { hostname, short, fqdn };
}

/** The pod's own /etc/hosts; on the board's network it is the board's file and the aliases. */
export function hostsFile(
  pod: Pod,
  podIps: readonly string[],
  names: PodHostname,
  boardHosts: string | undefined,
): string {
  const lines: string[] = [];
  if (pod.spec.hostNetwork && boardHosts !== undefined) {
    lines.push('# Kubernetes-managed hosts file (host network).', boardHosts.trimEnd());
  } else {
    lines.push(
      '# Kubernetes-managed hosts file.',
      '127.0.0.1\tlocalhost',
      '::1\tlocalhost ip6-localhost ip6-loopback',
      'fe00::0\tip6-localnet',
      'fe00::0\tip6-mcastprefix',
      'fe00::1\tip6-allnodes',
      'fe00::2\tip6-allrouters',
    );
    for (const ip of podIps) lines.push([ip, ...(names.fqdn ? [names.fqdn] : []), names.short].join('\t'));
  }
  const aliases = pod.spec.hostAliases ?? [];
  if (aliases.length > 0) lines.push('', '# Entries added by HostAliases.');
  for (const { ip, hostnames } of aliases) lines.push([ip, ...(hostnames ?? [])].join('\t'));
  return `${lines.join('\n')}\n`;
}
