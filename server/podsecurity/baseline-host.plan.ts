import type { LifecycleHandler, Probe } from '#proto/schema/generated/core-v1.ts';
import {
  type CheckPod,
  containers,
  containersOf,
  plural,
  quoted,
  sorted,
} from '#server/podsecurity/check.plan.ts';

/** Kernel parameters that are a Pod's own, by the minor version since which they may be set. */
const SYSCTLS: readonly (readonly [since: number, name: string])[] = [
  [0, 'kernel.shm_rmid_forced'],
  [0, 'net.ipv4.ip_local_port_range'],
  [0, 'net.ipv4.tcp_syncookies'],
  [0, 'net.ipv4.ping_group_range'],
  [0, 'net.ipv4.ip_unprivileged_port_start'],
  [27, 'net.ipv4.ip_local_reserved_ports'],
  [29, 'net.ipv4.tcp_keepalive_time'],
  [29, 'net.ipv4.tcp_fin_timeout'],
  [29, 'net.ipv4.tcp_keepalive_intvl'],
  [29, 'net.ipv4.tcp_keepalive_probes'],
  [32, 'net.ipv4.tcp_rmem'],
  [32, 'net.ipv4.tcp_wmem'],
];

export const sysctls =
  (version: number): CheckPod =>
  ({ spec }) => {
    const isAllowed = (name: string): boolean =>
      SYSCTLS.some(([since, allowed]) => since <= version && allowed === name);
    const names = (spec.securityContext?.sysctls ?? []).map(({ name }) => name).filter((n) => !isAllowed(n));
    return names.length > 0 ? { reason: 'forbidden sysctls', detail: names.join(', ') } : undefined;
  };

/** A probe of another host lets a node reach where the Pod can't. */
export const hostProbes: CheckPod = (pod) => {
  const hostsOf = (handler: Probe | LifecycleHandler | undefined): string[] =>
    [handler?.httpGet?.host, handler?.tcpSocket?.host].filter(
      (host) => host !== undefined && host !== '',
    ) as string[];
  const bad = containersOf(pod)
    .map((one) => ({
      name: one.name,
      hosts: [
        one.livenessProbe,
        one.readinessProbe,
        one.startupProbe,
        one.lifecycle?.postStart,
        one.lifecycle?.preStop,
      ].flatMap(hostsOf),
    }))
    .filter(({ hosts }) => hosts.length > 0);
  if (bad.length === 0) return undefined;
  const names = sorted(bad.map(({ name }) => name));
  const hosts = sorted(bad.flatMap((one) => one.hosts));
  return {
    reason: 'probe or lifecycle host',
    detail: `${containers(names)} ${names.length === 1 ? 'uses' : 'use'} ${plural('probe or lifecycle host', hosts.length)} ${quoted(hosts)}`,
  };
};
