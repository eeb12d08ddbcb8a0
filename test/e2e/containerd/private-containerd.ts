/** A containerd of the agent's own making, on this machine: in a network namespace of its own, its data in a temporary folder. */
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { importImageArchive } from '#agent/images/archive.ts';
import { writeCniConfig } from '#agent/net/cni-config.ts';
import { openCgroups } from '#agent/runtime/cgroup/open.ts';
import { PodCgroupTree } from '#agent/runtime/cgroup/pod-cgroups.ts';
import { ContainerdRuntime } from '#agent/runtime/containerd/driver.ts';
import { findContainerd } from '#agent/runtime/containerd/find.ts';
import { ContainerdSupervisor } from '#agent/runtime/containerd/supervise.ts';
import { LinuxMounter } from '#agent/volumes/mounter.ts';
import { buildImages, hostArchitecture } from '#firmware/images/build-images.ts';
import { systemClock } from '#proto/meta/clock.ts';
import { silent } from '#proto/meta/log.ts';

const dist = join(import.meta.dirname, '../../../dist');

const TEST_UID = '0c0ac1e0-';

export const BUSYBOX = 'coracle.local/busybox:1';

export interface PrivateContainerd {
  readonly directory: string;
  readonly socketPath: string;
  readonly runtime: ContainerdRuntime;
  /** Another agent's, on the same board. */
  another(): ContainerdSupervisor;
  end(): Promise<void>;
}

export async function startPrivateContainerd(): Promise<PrivateContainerd> {
  await buildImages({ dist, log: () => {} });
  // A socket's path may have 107 bytes.
  const directory = mkdtempSync('/tmp/coracle-c-');
  const tools = await findContainerd(process.env['PATH'] ?? '');
  const cniConfDir = join(directory, 'cni');
  const another = (): ContainerdSupervisor =>
    new ContainerdSupervisor({
      tools,
      rootDir: join(directory, 'data'),
      stateDir: join(directory, 'run'),
      sandboxImage: 'coracle.local/pause:1',
      cniConfDir,
      registryConfigDir: join(directory, 'certs.d'),
      clock: systemClock,
      log: silent,
      wrapper: ['unshare', '--net'],
    });
  await writeCniConfig(cniConfDir, {
    podCidrs: ['10.42.200.0/24'],
    ipamDir: join(directory, 'ipam'),
    mtu: 1500,
  });
  const supervisor = another();
  const abort = new AbortController();
  await supervisor.start(abort.signal);
  const socketPath = supervisor.socketPath;
  for (const image of [`images/${hostArchitecture()}/pause.tar`, 'test-images/busybox.tar']) {
    await importImageArchive(join(dist, image), { socketPath });
  }
  const runtime = new ContainerdRuntime(socketPath);
  return {
    directory,
    socketPath,
    runtime,
    another,
    async end() {
      const { sandboxes } = await runtime.list().catch(() => ({ sandboxes: [] }));
      for (const { id } of sandboxes) await runtime.removeSandbox(id);
      runtime[Symbol.dispose]();
      abort.abort();
      await supervisor.stop();
      const mounter = new LinuxMounter();
      for (const point of await mounter.mountsBelow(directory)) await mounter.unmount(point);
      // Nobody else here makes pods of these uids.
      const cgroups = new PodCgroupTree(await openCgroups(), () => []);
      for (const uid of await cgroups.uids()) if (uid.startsWith(TEST_UID)) await cgroups.remove(uid);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
