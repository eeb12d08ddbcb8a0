import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import { VERSION } from '#proto/version.ts';
import type { ClusterInfoFile } from '../link/cluster-info.ts';
import type { DesiredStore } from '../link/desired-store.ts';
import { connectLink } from '../link/join.ts';
import { keepLinkedFile } from '../link/linked-file.ts';
import { Link } from '../link/session.ts';
import { serveStream } from '../link/streams.ts';
import { openPodLog } from '../logs/open-pod-log.ts';
import { MetricPages } from '../metrics/pages.ts';
import { openBoardProgram } from '../node/board-program.ts';
import { NodeHttp, type NodeHttpDeps } from '../node/node-http.ts';
import type { PodCgroupTree } from '../runtime/cgroup/pod-cgroups.ts';
import { runDirOf } from '../runtime/containerd/open.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { StaticPods } from '../static/static-pods.ts';
import type { LinuxMounter } from '../volumes/mounter.ts';
import type { Foundation } from './foundation.ts';
import type { BoardIdentity } from './identity.ts';

interface Reached {
  readonly desired: DesiredStore;
  readonly clusterInfo: ClusterInfoFile;
  readonly runtime: Runtime;
  readonly cgroups: PodCgroupTree;
  readonly mounter: LinuxMounter;
  /** With what is known of them. */
  readonly pods: () => readonly Pod[];
  /** Where Pods' logs are. */
  readonly logsDir: string;
}

/**
 * The session with the server, and what it reaches on the board: logs, exec, metrics, storage. With it the Pods of files, whose
 * mirrors the server asks for by another uid.
 */
export function createLink(
  foundation: Foundation,
  identity: BoardIdentity,
  { desired, clusterInfo, runtime, cgroups, mounter, pods, logsDir }: Reached,
): { readonly session: Link; readonly statics: StaticPods } {
  const { options, time, servers, hardware, clock, log } = foundation;
  const { nodeName, dataDir } = options;
  const openLog: NodeHttpDeps['openLog'] = (wanted, until) =>
    openPodLog({ runtime, desired: statics, logsDir, clock }, wanted, until);
  const pages = new MetricPages({ nodeName, pods, runtime, cgroups, clock });
  const nodeHttp = new NodeHttp({
    pods,
    openLog,
    metrics: (path) => pages.page(path),
    logsDir: '/var/log',
    board: openBoardProgram(import.meta.dirname),
    log,
  });
  const session = new Link({
    connect: () => connectLink(servers.next(), identity.current.ca, identity.current),
    nodeName,
    bootId: randomUUID(),
    version: VERSION,
    hardware,
    desired,
    onOpenStream: (request, client) =>
      serveStream({ ...request, uid: statics.uidHere(request.uid) }, client, {
        runtime,
        openLog,
        serveHttp: (stream) => nodeHttp.accept(stream),
        serveStorage: async (query) =>
          (await import('../volumes/local-path.ts')).serveLocalPath({ dataDir, mounter }, query),
        log,
      }),
    onWelcome: (welcome) => {
      servers.confirm();
      clusterInfo.set(welcome);
      void time.heard(welcome.serverTimeMs);
    },
    onDatesRefused: async () => {
      const { provenServerTime } = await import('../link/server-time.ts');
      await time.heard(await provenServerTime(servers.current, identity.current.ca), true);
    },
    onRefused: () => identity.rejoin(),
    clock,
    random: Math.random,
    log,
  });
  keepLinkedFile(session, join(runDirOf(dataDir), 'linked'));
  const statics = new StaticPods({
    desired,
    cluster: session,
    folder: options.podManifestPath,
    nodeName,
    clock,
    log,
  });
  return { session, statics };
}
