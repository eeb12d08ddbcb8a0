import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Clock } from '#proto/meta/clock.ts';
import type { Logger } from '#proto/meta/log.ts';
import { gatherPrograms } from '../../net/foreign-network.ts';
import { ContainerdRuntime } from './driver.ts';
import { findContainerd } from './find.ts';
import { ContainerdSupervisor } from './supervise.ts';

export interface OpenOptions {
  /** An existing containerd's socket; empty: the agent runs its own. */
  readonly socketPath: string;
  readonly dataDir: string;
  readonly sandboxImage: string;
  /** Where programs are looked for, as in the environment. */
  readonly path: string;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface OpenContainerd {
  readonly runtime: ContainerdRuntime;
  readonly socketPath: string;
  /** For `writeCniConfig`. */
  readonly cniConfDir: string;
  readonly ipamDir: string;
  /** Where it unpacks images. */
  readonly snapshotsDir: string;
  /** Where it finds the network's programs; undefined for a containerd that somebody else runs. */
  readonly cniBinDir: string | undefined;
  /** Undefined for a containerd that somebody else runs. */
  readonly supervisor: ContainerdSupervisor | undefined;
}

/** Of plug-ins that somebody installs, then of distributions. */
export const CNI_PROGRAMS = ['/opt/cni/bin', '/usr/lib/cni', '/usr/libexec/cni'];

const SNAPSHOTS = 'io.containerd.snapshotter.v1.overlayfs/snapshots';

/** The board's containerd: the one that is named, or one of our own, which then runs on until the signal and beyond. */
export async function openContainerd(options: OpenOptions, signal: AbortSignal): Promise<OpenContainerd> {
  if (options.socketPath !== '') {
    return {
      runtime: new ContainerdRuntime(options.socketPath),
      socketPath: options.socketPath,
      cniConfDir: '/etc/cni/net.d',
      ipamDir: '/var/lib/cni/networks',
      snapshotsDir: join('/var/lib/containerd', SNAPSHOTS),
      cniBinDir: undefined,
      supervisor: undefined,
    };
  }
  const rootDir = join(options.dataDir, 'containerd');
  const cniConfDir = join(rootDir, 'cni/net.d');
  const cniBinDir = join(rootDir, 'cni/bin');
  await gatherPrograms(CNI_PROGRAMS, cniBinDir);
  const supervisor = new ContainerdSupervisor({
    tools: { ...(await findContainerd(options.path)), cniBinDir },
    rootDir,
    stateDir: join(runDirOf(options.dataDir), 'containerd'),
    sandboxImage: options.sandboxImage,
    cniConfDir,
    registryConfigDir: join(rootDir, 'certs.d'),
    clock: options.clock,
    log: options.log,
  });
  await supervisor.start(signal);
  return {
    runtime: new ContainerdRuntime(supervisor.socketPath),
    socketPath: supervisor.socketPath,
    cniConfDir,
    ipamDir: join(rootDir, 'cni/networks'),
    snapshotsDir: join(rootDir, 'root', SNAPSHOTS),
    cniBinDir,
    supervisor,
  };
}

/** On a tmpfs, and short, because a socket's path has 107 bytes; one for each data folder, for several agents on one machine. */
export function runDirOf(dataDir: string): string {
  if (dataDir === '/var/lib/coracle') return '/run/coracle';
  return `/run/coracle-${createHash('sha256').update(dataDir).digest('hex').slice(0, 10)}`;
}
