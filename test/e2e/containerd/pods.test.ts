/** Whole pods on Debian's containerd: what the units say of the fake holds for the real one. Needs root. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Devices } from '#agent/devices/devices.ts';
import { Images } from '#agent/images/images.ts';
import { createImageMounts } from '#agent/images/mount.ts';
import { Seal } from '#agent/link/seal.ts';
import { aContainer, aPod, FakeCluster, FakeDesired } from '#agent/pod/fixtures.ts';
import { type Pods, startPods } from '#agent/pod/pods.ts';
import { openCgroups } from '#agent/runtime/cgroup/open.ts';
import { PodCgroupTree } from '#agent/runtime/cgroup/pod-cgroups.ts';
import { LinuxMounter } from '#agent/volumes/mounter.ts';
import { Volumes } from '#agent/volumes/volumes.ts';
import { systemClock } from '#proto/meta/clock.ts';
import { silent } from '#proto/meta/log.ts';
import type { Pod, PodSpec, PodStatus } from '#proto/schema/generated/core-v1.ts';
import { BUSYBOX, type PrivateContainerd, startPrivateContainerd } from './private-containerd.ts';

let containerd: PrivateContainerd;
const desired = new FakeDesired();
const cluster = new FakeCluster();
let abort = new AbortController();
let pods: Pods;
let count = 0;

async function start(): Promise<void> {
  const { runtime, directory, socketPath } = containerd;
  const clock = systemClock;
  const images = new Images({ runtime, state: desired, clock });
  const memoryDir = join(directory, 'memory');
  const volumes = new Volumes({
    state: desired,
    cluster,
    clock,
    mounter: new LinuxMounter(),
    images: createImageMounts(images, socketPath),
    seal: new Seal(join(directory, 'sealing.key'), ''),
    dataDir: directory,
    memoryDir,
  });
  await volumes.start();
  abort = new AbortController();
  pods = startPods(
    {
      runtime,
      desired,
      cluster,
      clock,
      log: silent,
      volumes,
      cgroups: new PodCgroupTree(await openCgroups(), () => desired.pods()),
      images,
      devices: new Devices({ own: [], shares: new Map(), runtime, log: silent }),
      nodeName: 'board',
      hostIps: () => ['127.0.0.1'],
      clusterDns: () => ({ server: '10.43.0.10', domain: 'cluster.local' }),
      hostDns: async () => ({ servers: [], searches: [], options: [] }),
      hostHosts: async () => '127.0.0.1 localhost\n',
      allocatable: () => ({ cpu: '2', memory: '1Gi' }),
      pressure: () => [],
      unsafeSysctls: [],
      isShuttingDown: () => false,
      memoryCapacityBytes: 1 << 30,
      podsDir: join(directory, 'pods'),
      logsDir: join(directory, 'logs'),
      seccompDir: join(directory, 'seccomp'),
    },
    abort.signal,
  );
}

beforeAll(async () => {
  containerd = await startPrivateContainerd();
  await start();
});
afterAll(async () => {
  for (const pod of desired.pods()) desired.removePod(pod);
  await until(() => pods.list().length === 0);
  abort.abort();
  await pods?.done;
  await containerd?.end();
});

async function until(check: () => unknown, ms = 30_000): Promise<void> {
  const end = Date.now() + ms;
  while (!check()) {
    if (Date.now() > end)
      throw new Error(`never so: ${JSON.stringify([...cluster.pods.values()].map((p) => p.status))}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function run(spec: Partial<PodSpec>): { pod: Pod; status: () => PodStatus } {
  const uid = `0c0ac1e0-0000-4000-a000-${String(process.pid * 1000 + ++count).padStart(12, '0')}`;
  const pod = aPod({ terminationGracePeriodSeconds: 1, ...spec }, { name: `pod-${count}`, uid });
  cluster.pods.set(pod.metadata.name ?? '', pod);
  desired.setPod(pod);
  return { pod, status: () => cluster.pods.get(pod.metadata.name ?? '')?.status ?? {} };
}

const shell = (name: string, script: string, more = {}) =>
  aContainer({ name, image: BUSYBOX, command: ['sh', '-c', script], ...more });

describe('pods on containerd', () => {
  it('hands a volume from an init container to the next one, and tells their end', async () => {
    const mounts = { volumeMounts: [{ name: 'shared', mountPath: '/shared' }] };
    const { status } = run({
      restartPolicy: 'Never',
      volumes: [{ name: 'shared', emptyDir: {} }],
      initContainers: [shell('first', 'echo from-init > /shared/note', mounts)],
      containers: [
        shell(
          'last',
          'cat /shared/note > /dev/termination-log; grep -q "$POD_IP" /etc/hosts; echo $? > /dev/null; exit 3',
          {
            ...mounts,
            env: [{ name: 'POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } }],
          },
        ),
      ],
    });
    await until(() => status().phase === 'Failed');
    expect(status().initContainerStatuses?.[0]?.state?.terminated).toMatchObject({
      exitCode: 0,
      reason: 'Completed',
    });
    expect(status().containerStatuses?.[0]?.state?.terminated).toMatchObject({
      exitCode: 3,
      reason: 'Error',
      message: 'from-init\n',
    });
  });

  it('restarts what crashes, backs off, and leaves it alone when the agent starts again', async () => {
    const crashing = run({
      containers: [
        shell('main', 'echo last words; sleep 0.1; exit 1', {
          terminationMessagePolicy: 'FallbackToLogsOnError',
        }),
      ],
    });
    const steady = run({ containers: [shell('main', 'trap "exit 0" TERM; while :; do sleep 0.1; done')] });
    await until(
      () => crashing.status().containerStatuses?.[0]?.state?.waiting?.reason === 'CrashLoopBackOff',
    );
    expect(crashing.status().containerStatuses?.[0]).toMatchObject({
      restartCount: 1,
      lastState: { terminated: { exitCode: 1, message: 'last words\n' } },
    });
    await until(() => steady.status().phase === 'Running');
    const { containerID } = steady.status().containerStatuses?.[0] ?? {};
    abort.abort();
    await pods.done;
    await start();
    await until(() => (crashing.status().containerStatuses?.[0]?.restartCount ?? 0) >= 2);
    expect(steady.status().containerStatuses?.[0]).toMatchObject({
      containerID,
      restartCount: 0,
      ready: true,
    });
  });

  it('shows an image as a volume, read-only, and leaves no mount', async () => {
    const { pod, status } = run({
      restartPolicy: 'Never',
      volumes: [{ name: 'files', image: { reference: BUSYBOX, pullPolicy: 'Never' } }],
      containers: [
        shell('main', 'grep -c nobody /files/etc/passwd > /dev/termination-log; ! touch /files/new', {
          volumeMounts: [{ name: 'files', mountPath: '/files' }],
        }),
      ],
    });
    await until(() => status().phase === 'Succeeded');
    expect(status().containerStatuses?.[0]?.state?.terminated?.message).toBe('1\n');
    cluster.pods.delete(pod.metadata.name ?? '');
    desired.removePod(pod);
    await until(() => !pods.list().some((p) => p.metadata.uid === pod.metadata.uid));
    expect(await new LinuxMounter().mountsBelow(join(containerd.directory, 'pods'))).toEqual([]);
  });

  it('says why a command does not start', async () => {
    const { status } = run({
      containers: [aContainer({ name: 'main', image: BUSYBOX, command: ['/none'] })],
    });
    await until(() => status().containerStatuses?.[0]?.lastState?.terminated);
    expect(status().containerStatuses?.[0]?.lastState?.terminated).toMatchObject({
      reason: 'StartError',
      exitCode: 128,
    });
  });

  it('deletes gracefully and leaves nothing', async () => {
    const { pod, status } = run({
      containers: [shell('main', 'trap "exit 0" TERM; while :; do sleep 0.1; done')],
    });
    await until(() => status().phase === 'Running');
    const gone = {
      ...pod,
      metadata: {
        ...pod.metadata,
        deletionTimestamp: new Date().toISOString(),
        deletionGracePeriodSeconds: 5,
      },
    };
    desired.setPod(gone);
    await until(() => !cluster.pods.has(pod.metadata.name ?? ''));
    desired.removePod(pod);
    await until(() => !pods.list().some((p) => p.metadata.uid === pod.metadata.uid));
    const { sandboxes } = await containerd.runtime.list();
    expect(sandboxes.filter((s) => s.uid === pod.metadata.uid)).toEqual([]);
  });
});
