/** The data plane of this board: Services, names, and the ways to other boards' Pods. Works from the board's own disk. */
import { readFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import type { Clock } from '#proto/meta/clock.ts';
import type { Logger } from '#proto/meta/log.ts';
import { isIpv6 } from '#proto/net/cidr.ts';
import type { Node, Service } from '#proto/schema/generated/core-v1.ts';
import type { EndpointSlice } from '#proto/schema/generated/discovery-v1.ts';
import type { Cluster, DesiredState } from '../link/cluster.ts';
import type { ClusterInfo } from '../link/cluster-info.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { removeCniConfig, writeCniConfig } from './cni-config.ts';
import { ClusterDns } from './dns/cluster-dns.ts';
import type { ForeignNetwork } from './foreign-network.ts';
import { forwardIpv6, prepareKernel } from './kernel.ts';
import { Overlay } from './overlay/overlay.ts';
import { asNetworkMode, type NetworkMode, rangesOf } from './overlay/paths.plan.ts';
import { resizePods } from './pod-mtu.ts';
import { Policies } from './policies/policies.ts';
import { type Run, runProgram } from './run.ts';
import { type Family, IPV4, IPV6, isOf, rangeOf } from './services/family.ts';
import { HealthChecks } from './services/health-checks.ts';
import { ServiceProxy } from './services/service-proxy.ts';
import type { ServicesInput } from './services/services.plan.ts';

export interface NetworkOptions {
  readonly nodeName: string;
  readonly desired: DesiredState;
  readonly runtime: Pick<Runtime, 'list' | 'sandboxStatus'>;
  readonly cluster: Cluster;
  readonly clusterInfo: () => ClusterInfo | undefined;
  /** Called after each change of it. */
  readonly onClusterInfo: (listener: () => void) => () => void;
  readonly hostIps: () => readonly string[];
  /** Of the board's resolv.conf. */
  readonly upstreamServers: () => Promise<readonly string[]>;
  /** Where the runtime looks for its network, and where that remembers which address is whose. */
  readonly cniConfDir: string;
  readonly ipamDir: string;
  /** Another's network, for a runtime that does not look where such are installed. */
  readonly foreign: ForeignNetwork | undefined;
  /** Of the board, made when it is needed. */
  readonly wireguardKeyFile: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly run?: Run;
}

const ZONE_LABEL = 'topology.kubernetes.io/zone';

/** Runs until the signal; rules and routes stay after it, so that Pods do not notice an agent that restarts. */
export async function startNetwork(
  options: NetworkOptions,
  signal: AbortSignal,
): Promise<{ readonly done: Promise<void>; readonly admit: (podUid: string) => Promise<void> }> {
  const { nodeName, desired, clusterInfo, hostIps, clock, log } = options;
  const run = options.run ?? runProgram;
  const bridgeFiltered = await prepareKernel(run, log);
  const mode = (): NetworkMode | undefined => {
    const info = clusterInfo();
    return info && asNetworkMode(info.network);
  };
  const services = (): readonly Service[] => desired.list<Service>('services');
  const slices = (): readonly EndpointSlice[] => desired.list<EndpointSlice>('endpointslices');

  const observe = (family: Family): ServicesInput | undefined => {
    const info = clusterInfo();
    const node = desired.node();
    if (!info || !node || !desired.complete) return undefined;
    const clusterCidr = rangeOf(family, info.clusterCidr);
    const serviceCidr = rangeOf(family, info.serviceCidr);
    if (!clusterCidr || !serviceCidr) return undefined;
    return {
      family,
      services: services(),
      slices: slices(),
      nodeName,
      zone: node.metadata.labels?.[ZONE_LABEL],
      ...{ clusterCidr, serviceCidr },
      podCidrs: rangesOf(node).filter((range) => isOf(family, range)),
      bridgeFiltered,
      masqueradePods: mode() !== 'none',
      dnsAddress: info.dnsElsewhere ? undefined : info.clusterDns,
    };
  };
  const health = new HealthChecks(log);
  const proxy = new ServiceProxy({ observe: () => observe(IPV4), health, run, clock, log });
  const proxyV6 = new ServiceProxy({ observe: () => observe(IPV6), run, clock, log });
  const ipv6 = once(() => forwardIpv6(log));
  const overlay = new Overlay({
    mode,
    tunnelPort: () => clusterInfo()?.tunnelPort ?? 0,
    nodes: () => (desired.complete ? desired.list<Node>('nodes') : undefined),
    nodeName,
    serviceCidr: () => clusterInfo()?.serviceCidr,
    hostIps,
    interfaces,
    linkMtu,
    async onPodMtu(mtu) {
      await configurePods(options, run, mtu);
      const own = desired.node();
      if (own && rangesOf(own).some(isIpv6)) await ipv6();
    },
    wireguard: once(async () => {
      const { Wireguard } = await import('./overlay/wireguard.ts');
      return new Wireguard({ keyFile: options.wireguardKeyFile, cluster: options.cluster, run });
    }),
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
          address: info.clusterDns,
          services: services(),
          slices: slices(),
          ranges: [...info.clusterCidr.split(','), ...info.serviceCidr.split(',')],
          complete: desired.complete,
        }
      );
    },
    address: () => clusterInfo()?.clusterDns || undefined,
    elsewhere: () => clusterInfo()?.dnsElsewhere ?? false,
    upstreamServers: options.upstreamServers,
    forwarding: () => desired.configMap('kube-system', 'kube-dns')?.data,
    run,
    clock,
    log,
  });

  // Another plug-in has a say of its own, or none.
  const policies = new Policies(
    { desired, enabled: () => mode() !== 'none', runtime: options.runtime, run, clock, log },
    signal,
  );
  if (!bridgeFiltered)
    log.warn('the kernel has no br_netfilter: network policies do not hold between pods of this board');

  const offInfo = options.onClusterInfo(() => {
    dns.addressChanged();
    proxy.changed();
    overlay.changed();
    proxyV6.changed();
  });
  const off = desired.onChange((plural, key) => {
    if (['networkpolicies', 'addressgroups', 'pods', ''].includes(plural)) policies.changed();
    if (plural === 'configmaps' && key === 'kube-system/kube-dns') dns.forwardingChanged();
    if (plural === 'services' || plural === 'endpointslices' || plural === '') dns.changed();
    if (plural === 'services' || plural === 'endpointslices' || plural === 'nodes' || plural === '') {
      proxy.changed();
      proxyV6.changed();
    }
    if (plural === 'nodes' || plural === '') overlay.changed();
  });
  const done = Promise.all([
    proxy.run(signal),
    proxyV6.run(signal),
    dns.run(signal),
    policies.run(),
    overlay.run(signal),
  ]).then(() => {
    off();
    offInfo();
    options.foreign?.stop();
    health.set(new Map());
  });
  return { done, admit: async (podUid) => policies.admit(podUid) };
}

/** Addresses with their segments, by interface. */
const interfaces = (): Record<string, string[]> =>
  Object.fromEntries(
    Object.entries(networkInterfaces()).map(([name, addresses]) => [
      name,
      (addresses ?? []).flatMap(({ cidr }) => cidr ?? []),
    ]),
  );

/** Of the interface that has this address. */
async function linkMtu(address: string): Promise<number> {
  const found = Object.entries(interfaces()).find(([, cidrs]) =>
    cidrs.some((cidr) => cidr.startsWith(`${address}/`)),
  );
  const text = found ? await readFile(`/sys/class/net/${found[0]}/mtu`, 'utf8').catch(() => '') : '';
  return Number(text) || Number.POSITIVE_INFINITY;
}

/** The runtime's configuration, and the Pods that run already, as the ways to other boards want it. */
async function configurePods(
  { desired, cniConfDir, ipamDir, foreign, clusterInfo, log }: NetworkOptions,
  run: Run,
  mtu: number,
): Promise<void> {
  if (asNetworkMode(clusterInfo()?.network) === 'none') {
    await removeCniConfig(cniConfDir);
    await foreign?.follow();
    return;
  }
  await foreign?.leave();
  const node = desired.node();
  const podCidrs = node ? rangesOf(node) : [];
  if (podCidrs.length === 0) return;
  const { written, mtuBefore } = await writeCniConfig(cniConfDir, { podCidrs, ipamDir, mtu });
  if (written) log.info('pod network configured', { podCIDR: podCidrs.join(','), mtu });
  if (mtuBefore !== undefined && mtuBefore !== mtu) await resizePods(mtu, run);
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}
