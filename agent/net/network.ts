/** The data plane of this board: Services, names, and the ways to other boards' Pods. Works from the board's own disk. */
import { readFile, writeFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import type { Clock } from '#proto/meta/clock.ts';
import type { Logger } from '#proto/meta/log.ts';
import type { Node, Service } from '#proto/schema/generated/core-v1.ts';
import type { EndpointSlice } from '#proto/schema/generated/discovery-v1.ts';
import type { DesiredState } from '../link/cluster.ts';
import type { ClusterInfo } from '../link/cluster-info.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { ClusterDns } from './dns/cluster-dns.ts';
import { Policies } from './policies/policies.ts';
import { Routes } from './routes/routes.ts';
import { type Run, runProgram } from './run.ts';
import { HealthChecks } from './services/health-checks.ts';
import { ServiceProxy } from './services/service-proxy.ts';
import { isIpv4, type ServicesInput } from './services/services.plan.ts';

/** How Pods of different boards reach each other; `none`: another plug-in sees to it. */
export type NetworkMode = 'host-gw' | 'none';

export interface NetworkOptions {
  readonly mode: NetworkMode;
  readonly nodeName: string;
  readonly desired: DesiredState;
  readonly runtime: Pick<Runtime, 'list' | 'sandboxStatus'>;
  readonly clusterInfo: () => ClusterInfo | undefined;
  readonly hostIps: () => readonly string[];
  /** Of the board's resolv.conf. */
  readonly upstreamServers: () => Promise<readonly string[]>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly run?: Run;
}

const BRIDGE_FILTER = '/proc/sys/net/bridge/bridge-nf-call-iptables';
const ZONE_LABEL = 'topology.kubernetes.io/zone';

/** Runs until the signal; rules and routes stay after it, so that Pods do not notice an agent that restarts. */
export async function startNetwork(
  options: NetworkOptions,
  signal: AbortSignal,
): Promise<{ readonly done: Promise<void>; readonly admit: (podUid: string) => Promise<void> }> {
  const { mode, nodeName, desired, clusterInfo, hostIps, clock, log } = options;
  const run = options.run ?? runProgram;
  const bridgeFiltered = mode === 'none' || (await prepareKernel(run, log));
  const services = (): readonly Service[] => desired.list<Service>('services');
  const slices = (): readonly EndpointSlice[] => desired.list<EndpointSlice>('endpointslices');

  const observe = (): ServicesInput | undefined => {
    const info = clusterInfo();
    const node = desired.node();
    if (!info || !node || !desired.complete) return undefined;
    return {
      services: services(),
      slices: slices(),
      nodeName,
      zone: node.metadata.labels?.[ZONE_LABEL],
      clusterCidr: info.clusterCidr,
      serviceCidr: info.serviceCidr,
      podCidrs: rangesOf(node),
      bridgeFiltered,
      masqueradePods: mode !== 'none',
    };
  };
  const health = new HealthChecks(log);
  const proxy = new ServiceProxy({ observe, health, run, clock, log });
  const routes = new Routes({
    nodes: () => (desired.complete ? desired.list<Node>('nodes') : undefined),
    nodeName,
    serviceCidr: () => clusterInfo()?.serviceCidr,
    hostIps,
    segments: ownSegments,
    run,
    clock,
    log,
  });
  const dns = new ClusterDns({
    observe: () => {
      const info = clusterInfo();
      return (
        info && {
          domain: info.clusterDomain,
          services: services(),
          slices: slices(),
          ranges: [info.clusterCidr, info.serviceCidr],
          complete: desired.complete,
        }
      );
    },
    address: () => clusterInfo()?.clusterDns || undefined,
    upstreamServers: options.upstreamServers,
    forwarding: () => desired.configMap('kube-system', 'kube-dns')?.data,
    run,
    clock,
    log,
  });

  // Another plug-in has a say of its own, or none.
  const policies =
    mode === 'none'
      ? undefined
      : new Policies({ desired, runtime: options.runtime, run, clock, log }, signal);
  if (policies && !bridgeFiltered)
    log.warn('the kernel has no br_netfilter: network policies do not hold between pods of this board');

  const off = desired.onChange((plural, key) => {
    if (['networkpolicies', 'addressgroups', 'pods', ''].includes(plural)) policies?.changed();
    if (plural === 'configmaps' && key === 'kube-system/kube-dns') dns.forwardingChanged();
    if (plural === 'services' || plural === 'endpointslices' || plural === '') dns.changed();
    if (plural === 'services' || plural === 'endpointslices' || plural === 'nodes' || plural === '')
      proxy.changed();
    if (plural === 'nodes' || plural === '') routes.changed();
  });
  const done = Promise.all([
    proxy.run(signal),
    dns.run(signal),
    policies?.run(),
    ...(mode === 'host-gw' ? [routes.run(signal)] : []),
  ]).then(() => {
    off();
    health.set(new Map());
  });
  return { done, admit: async (podUid) => policies?.admit(podUid) };
}

const rangesOf = ({ spec }: Node): string[] =>
  (spec.podCIDRs ?? (spec.podCIDR ? [spec.podCIDR] : [])).filter((range) => isIpv4(range.split('/')[0]));

/** The Pods' own bridge leads to no other board. */
function ownSegments(): string[] {
  return Object.entries(networkInterfaces())
    .filter(([name]) => name !== 'cni0' && name !== 'lo')
    .flatMap(([, addresses]) => addresses ?? [])
    .flatMap(({ family, cidr }) => (family === 'IPv4' && cidr ? [cidr] : []));
}

/** Forwarding on; true when packets between Pods of one bridge pass netfilter. */
async function prepareKernel(run: Run, log: Logger): Promise<boolean> {
  await writeFile('/proc/sys/net/ipv4/ip_forward', '1').catch((err: unknown) =>
    log.warn('the kernel does not forward packets: pods of other boards are not reached', { err }),
  );
  const filtered = (): Promise<boolean> =>
    writeFile(BRIDGE_FILTER, '1')
      .then(() => readFile(BRIDGE_FILTER, 'utf8'))
      .then((text) => text.trim() === '1')
      .catch(() => false);
  if (await filtered()) return true;
  await run('modprobe', ['br_netfilter']).catch(() => {});
  return filtered();
}
