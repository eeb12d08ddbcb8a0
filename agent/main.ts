/**
 * The agent, put together. What runs Pods does not wait for the server: desired state is on the board's disk, and the
 * link is one more part beside the others, that comes and goes.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createLogger } from '#proto/meta/log.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import { Devices } from './devices/devices.ts';
import { openGauge, startEviction } from './eviction/start-eviction.ts';
import { haveBundledImages } from './images/bundled.ts';
import { Images } from './images/images.ts';
import { createImageMounts } from './images/mount.ts';
import { ClusterInfoFile } from './link/cluster-info.ts';
import { DesiredStore } from './link/desired-store.ts';
import { Seal } from './link/seal.ts';
import { LogRotator } from './logs/rotate-logs.ts';
import { runningLogs } from './logs/running-logs.ts';
import { ForeignNetwork } from './net/foreign-network.ts';
import { keepAddresses } from './net/keep-addresses.ts';
import { startNetwork } from './net/network.ts';
import { isolated } from './net/policies/policies.ts';
import { HostAddress } from './node/host-address.ts';
import { readInventory } from './node/inventory.ts';
import { NodeMetrics } from './node/metrics.ts';
import { startNode } from './node/node.ts';
import { PartVerdicts } from './node/part-verdicts.ts';
import { machineOf, obeyReboots } from './node/reboot.ts';
import { boardSampler, memoryCapacity } from './node/sampler.ts';
import { reportUsage } from './node/usage.ts';
import type { AgentOptions } from './options.ts';
import { parseResolvConf } from './pod/dns.plan.ts';
import { startPods } from './pod/pods.ts';
import { endPods, LastDeeds } from './pod/shutdown.ts';
import { openCgroups } from './runtime/cgroup/open.ts';
import { PodCgroupTree } from './runtime/cgroup/pod-cgroups.ts';
import { CNI_PROGRAMS, openContainerd, runDirOf } from './runtime/containerd/open.ts';
import { openFoundation } from './start/foundation.ts';
import { BoardIdentity } from './start/identity.ts';
import { serveIngressesOnceWanted } from './start/ingress.ts';
import { createLink } from './start/link.ts';
import { runTelemetry } from './telemetry/telemetry.ts';
import { LinuxMounter } from './volumes/mounter.ts';
import { Volumes } from './volumes/volumes.ts';

const SANDBOX_IMAGE = 'coracle.local/pause:1';
const LOGS_DIR = '/var/log/pods';

/** Runs until SIGTERM or SIGINT. Containers go on running after it. */
export async function main(options: AgentOptions): Promise<void> {
  const log = createLogger(options.logLevel);
  const stop = new AbortController();
  // A part that has something to do before the board is switched off puts it here.
  const last = new LastDeeds(options.shutdownGracePeriod > 0);
  for (const name of ['SIGTERM', 'SIGINT'] as const)
    process.once(name, () => void last.run(log).finally(() => stop.abort(new Error(name))));
  const { signal } = stop;

  const { dataDir, nodeName } = options;
  const foundation = await openFoundation(options, log);
  const { clock, time, own, servers, hardware } = foundation;
  const identity = await BoardIdentity.open(foundation, signal);
  if (!identity) return;

  const seal = new Seal(join(own, 'sealing.key'), hardware);
  const desired = DesiredStore.open({ folder: join(own, 'desired'), nodeName, seal, log });
  const clusterInfo = new ClusterInfoFile(join(own, 'cluster.json'), seal);
  const address = await HostAddress.find(options.nodeIp, () => servers.current);
  const hostIps = (): readonly string[] => address.all;

  const containerd = await openContainerd(
    {
      socketPath: options.containerd,
      dataDir,
      sandboxImage: SANDBOX_IMAGE,
      path: process.env['PATH'] ?? '',
      clock,
      log,
    },
    signal,
  );

  const { socketPath, cniConfDir, ipamDir, cniBinDir } = containerd;
  const runtime = keepAddresses(containerd.runtime, ipamDir);

  // Until Pods are taken up again, what is known of them is what is wanted.
  let podsHere = (): readonly Pod[] => desired.pods();
  const tree = await openCgroups();
  const cgroups = new PodCgroupTree(tree, () => podsHere());
  const mounter = new LinuxMounter();
  const { session, statics } = createLink(foundation, identity, {
    desired,
    clusterInfo,
    runtime,
    cgroups,
    mounter,
    pods: () => podsHere(),
    logsDir: LOGS_DIR,
  });
  const linked = session.run(signal);

  const hostDns = async () => parseResolvConf(await readFile('/etc/resolv.conf', 'utf8').catch(() => ''));
  const network = await startNetwork(
    {
      nodeName,
      desired,
      runtime,
      cluster: session,
      clusterInfo: () => clusterInfo.current,
      onClusterInfo: (listener) => clusterInfo.onChange(listener),
      hostIps,
      upstreamServers: async () => (await hostDns()).servers,
      cniConfDir,
      ipamDir,
      foreign:
        cniBinDir === undefined
          ? undefined
          : new ForeignNetwork(
              {
                configurations: '/etc/cni/net.d',
                programs: CNI_PROGRAMS,
                confDir: cniConfDir,
                binDir: cniBinDir,
              },
              log,
            ),
      wireguardKeyFile: join(own, 'wireguard.key'),
      clock,
      log,
    },
    signal,
  );
  const bundled = await haveBundledImages(
    {
      folder: options.imagesDir || bundledImages(),
      socketPath,
      runtime,
      snapshots: containerd.snapshotsDir,
      stateFile: join(own, 'images.json'),
      clock,
      log,
    },
    signal,
  );

  const inventory = await readInventory(dataDir, await memoryCapacity(tree));
  const gauge = openGauge(options);
  const images = new Images({ runtime, state: desired, clock });
  const volumes = new Volumes({
    seal,
    state: desired,
    cluster: session,
    clock,
    mounter,
    images: createImageMounts(images, socketPath),
    dataDir,
    memoryDir: join(runDirOf(dataDir), 'volumes'),
  });
  await volumes.start();
  const metrics = new NodeMetrics();
  const imageDisk = await runtime.imageFsInfo().catch(() => undefined);
  const sampler = boardSampler({
    clock,
    disk: dataDir,
    imageDisk: imageDisk?.mountpoint || dataDir,
    cgroups: tree,
  });
  const devices = new Devices({
    own: options.device,
    shares: new Map(options.deviceShare.map(({ kind, count }) => [kind, count])),
    runtime,
    log,
  });
  const parts = new PartVerdicts();
  const node = startNode(
    {
      runtime,
      desired,
      cluster: session,
      clock,
      log,
      nodeName,
      inventory,
      sampler,
      reservations: options,
      isShuttingDown: () => last.isShuttingDown,
      devices,
      pressure: () => gauge.conditions,
      metrics,
      parts,
      hostIps,
      checkAddress: async () => {
        if (!(await address.refresh())) return;
        log.info('the address has changed', { address: hostIps().join() });
        session.reconnect('the address has changed');
        pods.wake();
      },
    },
    signal,
  );
  const ingress = serveIngressesOnceWanted(
    {
      nodeName,
      desired,
      httpPort: options.ingressHttpPort,
      httpsPort: options.ingressHttpsPort,
      directory: `${runDirOf(dataDir)}-ingress`,
      path: process.env['PATH'] ?? '',
      clusterDns: () => clusterInfo.current?.clusterDns,
      hostIps,
      verdicts: parts,
      clock,
      random: Math.random,
      log,
    },
    signal,
  );
  await statics.refresh();
  metrics.onSample(() => void statics.refresh());
  const pods = startPods(
    {
      runtime: isolated(runtime, network.admit),
      desired: statics,
      cluster: session,
      clock,
      log,
      nodeName,
      volumes,
      cgroups,
      images,
      devices,
      hostIps,
      clusterDns: () => {
        const info = clusterInfo.current;
        return info && { server: info.clusterDns, domain: info.clusterDomain };
      },
      hostDns,
      hostHosts: () => readFile('/etc/hosts', 'utf8').catch(() => '127.0.0.1 localhost\n'),
      allocatable: () => desired.node()?.status?.allocatable ?? {},
      pressure: () => gauge.conditions,
      unsafeSysctls: options.allowedUnsafeSysctls,
      isShuttingDown: () => last.isShuttingDown,
      memoryCapacityBytes: inventory.memoryBytes,
      podsDir: join(dataDir, 'pods'),
      logsDir: LOGS_DIR,
      seccompDir: join(dataDir, 'seccomp'),
    },
    signal,
  );
  podsHere = () => pods.withStatus();
  statics.onMirrored((uid) => pods.resend(uid));
  last.add(async () => {
    await endPods({
      announce: () => node.report(),
      graceMs: options.shutdownGracePeriod,
      criticalGraceMs: options.shutdownGracePeriodCriticalPods,
      pods: () => pods.active(),
      evict: (uid, verdict) => pods.evict(uid, verdict),
      isTold: (uid) => pods.isTold(uid),
      clock,
      log,
    });
  });
  startEviction(
    {
      options,
      gauge,
      inventory,
      metrics,
      sampler,
      runtime,
      cgroups,
      pods,
      desired: statics,
      keptImages: [SANDBOX_IMAGE, ...bundled],
      nodeName,
      podsDir: join(dataDir, 'pods'),
      logsDir: LOGS_DIR,
      clock,
      log,
    },
    signal,
  );
  const rotating = new LogRotator({ runtime, clock, log }).run(() => runningLogs(runtime, LOGS_DIR), signal);

  const machine = machineOf(options.rebootCommand);
  obeyReboots({ desired, machine, stateFile: join(own, 'reboot'), clock, log }, signal);
  const metering = reportUsage({ runtime, cgroups, desired, server: session, clock, log }, signal);

  const telling = runTelemetry(
    {
      nodeName,
      identity: () => identity.current,
      clusterInfo,
      metrics,
      node: () => desired.node(),
      onNodeChange: (changed) => desired.onChange((plural) => plural === 'nodes' && changed()),
      pods: () => desired.pods().length,
      clock,
      random: Math.random,
      log,
    },
    signal,
  );

  const renewing = identity.keep(session, signal);

  await Promise.allSettled([
    linked,
    time.run(signal),
    network.done,
    node.done,
    pods.done,
    rotating,
    metering,
    renewing,
    telling,
    ingress,
  ]);
  runtime[Symbol.dispose]();
  log.info('agent stopped, containers go on');
}

/** Beside the bundle; in the source tree, where the build puts them. */
function bundledImages(): string {
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch;
  const beside = join(import.meta.dirname, 'images', architecture);
  return existsSync(beside) ? beside : join(import.meta.dirname, '../dist/images', architecture);
}
