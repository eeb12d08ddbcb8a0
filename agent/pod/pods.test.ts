import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Devices } from '#agent/devices/devices.ts';
import { Images } from '#agent/images/images.ts';
import { FakeRuntime } from '#agent/runtime/fake/fake-runtime.ts';
import { FakeClock } from '#proto/meta/clock.ts';
import { silent } from '#proto/meta/log.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import { aContainer, aPod, FakeCluster, FakeDesired, UID } from './fixtures.ts';
import { type Pods, startPods } from './pods.ts';

const IMAGE = 'coracle.test/hello:1';
/** What Node calls requests to the file system that are under way. */
const FILE_WORK = /^(FSReq|CloseReq)/;

describe('pods on a board', () => {
  let directory: string;
  let clock: FakeClock;
  let runtime: FakeRuntime;
  let desired: FakeDesired;
  let cluster: FakeCluster;
  let abort: AbortController;
  let pods: Pods;
  let cleaned: string[];
  let refreshed: string[];
  let refreshing: Promise<void> | undefined;

  const start = (): void => {
    abort = new AbortController();
    pods = startPods(
      {
        runtime,
        desired,
        cluster,
        clock,
        log: silent,
        nodeName: 'pi',
        devices: new Devices({ own: [], shares: new Map(), runtime, log: silent }),
        images: new Images({ runtime, state: desired, clock }),
        volumes: {
          prepareVolumes: async (pod, _facts, signal) => {
            const isSilent = pod.spec.volumes?.some(({ nfs }) => nfs);
            if (isSilent) await new Promise((_, reject) => signal.addEventListener('abort', reject));
            return new Map((pod.spec.volumes ?? []).map((v) => [v.name, { path: `/volumes/${v.name}` }]));
          },
          refreshVolumes: async (pod) => {
            refreshed.push(pod.metadata.name ?? '');
            await refreshing;
          },
          prepareSubPath: async (_pod, _container, _index, volume, sub) => `${volume.path}/${sub}`,
          cleanupVolumes: async (uid) => void cleaned.push(uid),
          podsOnDisk: async () => [],
        },
        cgroups: {
          ensure: async (pod) => `/kubepods/pod${pod.metadata.uid}`,
          containerUsage: async () => undefined,
          remove: async () => {},
        },
        hostIps: () => ['192.168.1.10'],
        clusterDns: () => ({ server: '10.43.0.10', domain: 'cluster.local' }),
        hostDns: async () => ({ servers: ['1.1.1.1'], searches: ['lan'], options: [] }),
        hostHosts: async () => '127.0.0.1 localhost\n',
        allocatable: () => ({ cpu: '4', memory: '1Gi' }),
        pressure: () => [],
        unsafeSysctls: [],
        isShuttingDown: () => false,
        memoryCapacityBytes: 1 << 30,
        podsDir: path.join(directory, 'pods'),
        logsDir: path.join(directory, 'logs'),
        seccompDir: path.join(directory, 'seccomp'),
      },
      abort.signal,
    );
  };

  /** Lets files, fakes and workers come to rest; the fake clock stands still. */
  const settle = async (): Promise<void> => {
    const moved = (): number => runtime.calls.length + cluster.calls.length + cleaned.length;
    // However long a file takes: nothing rests before it is done.
    const hasFileWork = (): boolean => process.getActiveResourcesInfo().some((name) => FILE_WORK.test(name));
    for (let still = 0, before = moved(); still < 10; still++) {
      await turn();
      if (moved() === before && !hasFileWork()) continue;
      before = moved();
      still = 0;
    }
  };
  const pass = async (seconds: number): Promise<void> => {
    for (let left = seconds; left > 0; left -= 5) {
      await clock.advance(Math.min(left, 5) * 1000);
      await settle();
    }
  };
  const wish = async (pod: Pod): Promise<void> => {
    cluster.pods.set(pod.metadata.name ?? '', pod);
    desired.setPod(pod);
    await settle();
  };
  const status = () => cluster.pods.get('web')?.status;
  const first = () => status()?.containerStatuses?.[0];
  const running = () => [...runtime.containers.values()].filter((c) => c.state.state === 'running');

  beforeEach(async () => {
    directory = await mkdtemp(path.join(os.tmpdir(), 'coracle-pods-'));
    clock = new FakeClock();
    runtime = new FakeRuntime({ clock, images: [IMAGE] });
    desired = new FakeDesired();
    cluster = new FakeCluster();
    cleaned = [];
    refreshed = [];
    refreshing = undefined;
    start();
    await settle();
  });
  afterEach(async () => {
    abort.abort();
    await pods.done;
    await rm(directory, { recursive: true, force: true });
  });

  it('renews tokens as soon as the server is back, and looks at nothing else', async () => {
    const token = { serviceAccountToken: { path: 'token' } };
    await wish(aPod({ volumes: [{ name: 'token', projected: { sources: [token] } }] }));
    await wish({ ...aPod(), metadata: { name: 'other', namespace: 'default', uid: 'other' } });
    expect(running()).toHaveLength(2);
    cluster.setConnected(false);
    await settle();
    expect(refreshed).toEqual([]);
    cluster.setConnected(true);
    await settle();
    expect(refreshed).toEqual(['web']);
    expect(running()).toHaveLength(2);
  });

  it('looks again at volumes that change while it looks at them', async () => {
    const change = async (a: string): Promise<void> => {
      const metadata = { namespace: 'default', name: 'c', resourceVersion: a };
      desired.set('configmaps', { metadata, data: { a } } as never);
      await settle();
    };
    await change('1');
    await wish(aPod({ volumes: [{ name: 'c', configMap: { name: 'c' } }] }));
    expect(running()).toHaveLength(1);
    const { promise, resolve } = Promise.withResolvers<void>();
    refreshing = promise;
    const before = refreshed.length;
    await change('2');
    await change('3');
    expect(refreshed).toHaveLength(before + 1);
    resolve();
    await settle();
    expect(refreshed).toHaveLength(before + 2);
    await change('4');
    expect(refreshed).toHaveLength(before + 3);
  });

  it('runs a pod and says so', async () => {
    await wish(aPod());
    expect(status()).toMatchObject({ phase: 'Running', podIP: '10.42.0.2', hostIP: '192.168.1.10' });
    expect(first()).toMatchObject({ ready: true, started: true, restartCount: 0 });
    expect(cluster.reasons()).toEqual(['Pulled', 'Created', 'Started']);
    const calls = runtime.calls.length;
    const said = cluster.calls.length;
    await pass(130);
    expect(runtime.calls.length).toBe(calls);
    expect(cluster.calls.length).toBe(said);
  });

  it('does not look at the runtime where nothing can have moved', async () => {
    const list = runtime.list.bind(runtime);
    const untouched: number[] = [];
    runtime.list = () => {
      untouched.push(runtime.calls.length);
      return list();
    };
    await wish(aPod());
    expect(status()?.phase).toBe('Running');
    // Once for what is there, then nothing until the sandbox has been made.
    expect(untouched.filter((calls) => calls === 0)).toHaveLength(1);
  });

  it('backs off a container that crashes', async () => {
    await wish(aPod());
    runtime.exit(runtime.containerId('main'), 1);
    await settle();
    expect(first()).toMatchObject({ restartCount: 1, lastState: { terminated: { exitCode: 1 } } });
    runtime.exit(runtime.containerId('main'), 1);
    await settle();
    expect(first()?.state?.waiting).toEqual({
      reason: 'CrashLoopBackOff',
      message: `back-off 10s restarting failed container=main pod=web_default(${UID})`,
    });
    await pass(11);
    expect(first()).toMatchObject({ restartCount: 2 });
    runtime.exit(runtime.containerId('main'), 1);
    await settle();
    expect(first()?.state?.waiting?.message).toContain('back-off 20s');
    abort.abort();
    await pods.done;
    start();
    await settle();
    expect(first()?.state?.waiting?.message).toContain('back-off 20s');
  });

  it('touches nothing that runs when the agent or the runtime starts again', async () => {
    await wish(aPod());
    const before = [...runtime.calls];
    abort.abort();
    await pods.done;
    start();
    await settle();
    runtime.disconnect();
    await pass(70);
    expect(runtime.calls).toEqual(before);
    expect(running()).toHaveLength(1);
  });

  it('brings a pod back after a power cut, in a new sandbox', async () => {
    await wish(aPod());
    abort.abort();
    await pods.done;
    runtime.reboot();
    cluster.setConnected(false);
    start();
    await settle();
    expect(running()).toHaveLength(1);
    cluster.setConnected(true);
    await pass(10);
    expect(status()?.phase).toBe('Running');
    expect(first()).toMatchObject({
      restartCount: 1,
      lastState: { terminated: { exitCode: 255, reason: 'Unknown' } },
    });
  });

  it('ends a deleted pod, deletes it from the API, and leaves nothing', async () => {
    const pod = aPod();
    await wish(pod);
    const deletionTimestamp = new Date(clock.now() + 30_000).toISOString();
    await wish(aPod({}, { deletionTimestamp, deletionGracePeriodSeconds: 30 }));
    await pass(5);
    expect(running()).toHaveLength(0);
    const deletion = cluster.calls.find((call) => call.method === 'DELETE');
    expect(deletion?.body).toMatchObject({ gracePeriodSeconds: 0, preconditions: { uid: UID } });
    expect(cleaned).toEqual([UID]);
    desired.removePod(pod);
    // Files of the pod go meanwhile: how long that takes is the disk's business.
    await expect.poll(() => pods.list()).toEqual([]);
    expect(runtime.containers.size + runtime.sandboxes.size).toBe(0);
  });

  it('removes what nobody wishes only when it knows all wishes', async () => {
    const pod = aPod();
    await wish(pod);
    abort.abort();
    await pods.done;
    desired.removePod(pod);
    desired.complete = false;
    start();
    await pass(65);
    expect(running()).toHaveLength(1);
    desired.complete = true;
    await pass(65);
    expect(runtime.containers.size + runtime.sandboxes.size).toBe(0);
  });

  it('ends a pod whose volume never comes, and runs others meanwhile', async () => {
    const volumes = [{ name: 'data', nfs: { server: 'nas', path: '/' } }];
    await wish(aPod({ volumes }));
    await wish({ ...aPod(), metadata: { name: 'other', namespace: 'default', uid: 'other' } });
    expect(running()).toHaveLength(1);
    expect(status()).toMatchObject({ phase: 'Pending' });
    const deletionTimestamp = new Date(clock.now() + 30_000).toISOString();
    await wish(aPod({ volumes }, { deletionTimestamp, deletionGracePeriodSeconds: 30 }));
    expect(cleaned).toEqual([UID]);
    expect(cluster.reasons()).not.toContain('FailedMount');
  });

  it('waits for a missing ConfigMap key, and starts when it comes', async () => {
    const env = [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'c', key: 'a' } } }];
    await wish(aPod({ containers: [aContainer({ env })] }));
    expect(first()?.state?.waiting).toEqual({
      reason: 'CreateContainerConfigError',
      message: 'configmap "c" not found',
    });
    desired.set('configmaps', { metadata: { namespace: 'default', name: 'c' }, data: { a: '1' } } as never);
    await settle();
    expect(status()?.phase).toBe('Running');
  });

  it('says why an image cannot be had', async () => {
    await wish(aPod({ containers: [aContainer({ image: 'coracle.test/none:1' })] }));
    expect(first()?.state?.waiting?.reason).toBe('ErrImagePull');
    await pass(5);
    expect(first()?.state?.waiting?.reason).toBe('ImagePullBackOff');
    expect(status()?.phase).toBe('Pending');
  });

  it('runs init containers in order, and a sidecar beside the rest', async () => {
    const done = { command: ['true'] };
    const initContainers = [
      aContainer({ name: 'one', ...done }),
      aContainer({ name: 'side', restartPolicy: 'Always' }),
      aContainer({ name: 'two', ...done }),
    ];
    await wish(aPod({ initContainers }));
    await pass(20);
    const started = runtime.calls.filter((call) => call.startsWith('startContainer'));
    expect(started.map((call) => call.split(' ')[1])).toEqual(['one', 'side', 'two', 'main']);
    expect(status()).toMatchObject({ phase: 'Running' });
    expect(running().map((c) => c.state.name)).toEqual(['side', 'main']);
  });

  it('ends a pod whose work is done, and keeps its containers for their logs', async () => {
    await wish(aPod({ restartPolicy: 'Never', containers: [aContainer({ command: ['true'] })] }));
    await pass(5);
    expect(status()).toMatchObject({ phase: 'Succeeded', podIP: '10.42.0.2' });
    expect(status()?.conditions).toContainEqual(
      expect.objectContaining({ type: 'Ready', status: 'False', reason: 'PodCompleted' }),
    );
    expect(cleaned).toEqual([UID]);
    expect(runtime.containers.size).toBe(1);
  });

  it('restarts a container whose liveness probe fails', async () => {
    const livenessProbe = { exec: { command: ['check'] }, periodSeconds: 1, failureThreshold: 2 };
    await wish(aPod({ containers: [aContainer({ livenessProbe })] }));
    runtime.exec = async () => ({ exitCode: 1, stdout: new Uint8Array(), stderr: new Uint8Array() });
    await pass(5);
    expect(first()?.restartCount).toBe(1);
    expect(cluster.reasons()).toEqual(expect.arrayContaining(['Unhealthy', 'Killing']));
  });

  it('rejects a pod whose port of the host is taken, and leaves the other alone', async () => {
    const ports = [{ containerPort: 80, hostPort: 8080, protocol: 'TCP' }];
    await wish(aPod({ containers: [aContainer({ ports })] }));
    expect(running()).toHaveLength(1);
    const late = aPod({ containers: [aContainer({ ports })] }, { name: 'late', uid: 'late' });
    await wish(late);
    expect(cluster.pods.get('late')?.status).toMatchObject({
      phase: 'Failed',
      reason: 'NodePorts',
      message:
        "Pod was rejected: Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports",
    });
    expect(running()).toHaveLength(1);
    expect(status()?.phase).toBe('Running');
  });

  it('leaves a rejected pod ended after a restart, though its port is free by then', async () => {
    const ports = [{ containerPort: 80, hostPort: 8080, protocol: 'TCP' }];
    const early = aPod({ containers: [aContainer({ ports })] });
    await wish(early);
    const late = aPod({ containers: [aContainer({ ports })] }, { name: 'late', uid: 'late' });
    await wish(late);
    const { status: rejected } = cluster.pods.get('late') ?? {};
    desired.setPod({ ...late, status: rejected } as Pod);
    desired.removePod(early);
    await pass(40);
    abort.abort();
    await pods.done;
    start();
    await pass(10);
    expect(running()).toHaveLength(0);
    expect(cluster.pods.get('late')?.status).toMatchObject({ phase: 'Failed', reason: 'NodePorts' });
  });

  it('fails a pod at its deadline', async () => {
    await wish(aPod({ activeDeadlineSeconds: 20 }));
    await pass(25);
    expect(status()).toMatchObject({ phase: 'Failed', reason: 'DeadlineExceeded' });
    expect(running()).toHaveLength(0);
  });
});
