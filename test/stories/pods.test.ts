/** One Pod's life: probes, crashes, memory, volumes, configuration. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { eventually } from '../support/boards/eventually.ts';
import { apply, mainStatus, shellPod } from '../support/cluster/manifests.ts';
import { useCluster } from '../support/cluster/use-cluster.ts';

const cluster = useCluster({ boards: 1, memoryMiB: 1024 });
const kubectl = (args: string | readonly string[]) => cluster().kubectl.ok(args);
const ready = (pod: string) => kubectl(`wait --for=condition=Ready pod/${pod} --timeout=60s`);
const sh = (pod: string, script: string, container = 'main') =>
  kubectl(['exec', pod, '-c', container, '--', 'sh', '-c', script]);

it('restarts a container whose liveness probe fails', async () => {
  await apply(
    cluster(),
    shellPod('sick', 'touch /tmp/alive; sleep 3; rm /tmp/alive; sleep 1000', {
      livenessProbe: {
        exec: { command: ['test', '-e', '/tmp/alive'] },
        periodSeconds: 1,
        failureThreshold: 2,
      },
    }),
  );
  await eventually(
    async () => expect((await mainStatus(cluster(), 'sick')).restartCount).toBeGreaterThan(0),
    {
      timeoutMs: 60_000,
    },
  );
  expect(await kubectl('describe pod sick')).toContain('Liveness probe failed');
  await kubectl('delete pod sick --now');
});

it('backs off from a crashing container: 10 s, then 20 s', async () => {
  await apply(cluster(), shellPod('crash', 'date +%s; exit 3'));
  const startedAt = async (restarts: number) =>
    eventually(
      async () => {
        const status = await mainStatus(cluster(), 'crash');
        if (status.restartCount < restarts) throw new Error(`${status.restartCount} restarts`);
        return Date.parse(status.lastState?.terminated?.finishedAt ?? '');
      },
      { timeoutMs: 60_000 },
    );
  const first = await startedAt(1);
  await eventually(async () =>
    expect((await mainStatus(cluster(), 'crash')).state?.waiting?.reason).toBe('CrashLoopBackOff'),
  );
  const second = await startedAt(2);
  expect(second - first).toBeGreaterThanOrEqual(0);
  expect((await mainStatus(cluster(), 'crash')).lastState?.terminated).toMatchObject({
    exitCode: 3,
    reason: 'Error',
  });
  await sleep(12_000);
  expect((await mainStatus(cluster(), 'crash')).restartCount).toBe(2); // 20 s now, not 10
  await kubectl('delete pod crash --now');
});

it('says OOMKilled', async () => {
  const script = 'x=0123456789abcdef; while :; do x=$x$x; done';
  await apply(
    cluster(),
    shellPod('greedy', script, { resources: { limits: { memory: '16Mi' } } }, { restartPolicy: 'Never' }),
  );
  await eventually(
    async () =>
      expect((await mainStatus(cluster(), 'greedy')).state?.terminated).toMatchObject({
        reason: 'OOMKilled',
        exitCode: 137,
      }),
    { timeoutMs: 60_000 },
  );
});

it('mounts every kind of volume with the right modes, and follows a ConfigMap', async () => {
  await apply(
    cluster(),
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'settings' }, data: { colour: 'blue' } },
    { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'password' }, stringData: { word: 'sesame' } },
    shellPod(
      'volumes',
      undefined,
      {
        volumeMounts: [
          { name: 'shared', mountPath: '/shared' },
          { name: 'host', mountPath: '/host' },
          { name: 'settings', mountPath: '/settings' },
          { name: 'password', mountPath: '/password', readOnly: true },
        ],
        env: [{ name: 'COLOUR', valueFrom: { configMapKeyRef: { name: 'settings', key: 'colour' } } }],
      },
      {
        volumes: [
          { name: 'shared', emptyDir: {} },
          { name: 'host', hostPath: { path: '/var/lib/coracle/story', type: 'DirectoryOrCreate' } },
          { name: 'settings', configMap: { name: 'settings' } },
          { name: 'password', secret: { secretName: 'password', defaultMode: 0o400 } },
        ],
        containers: [
          {
            name: 'other',
            image: 'coracle.local/busybox:1',
            command: ['sh', '-c', 'echo from other > /shared/note; sleep 1000'],
            volumeMounts: [{ name: 'shared', mountPath: '/shared' }],
          },
        ],
      },
    ),
  );
  await ready('volumes');
  expect(await sh('volumes', 'cat /shared/note')).toBe('from other\n');
  await sh('volumes', 'echo kept > /host/note');
  expect((await cluster().board('board-1').exec('cat /var/lib/coracle/story/note')).stdout).toBe('kept\n');
  expect(await sh('volumes', 'cat /settings/colour; echo; echo $COLOUR')).toBe('blue\nblue\n');
  expect(await sh('volumes', 'stat -L -c %a /settings/colour /password/word')).toBe('644\n400\n');
  expect(await sh('volumes', 'cat /password/word')).toBe('sesame');
  expect(await sh('volumes', 'cut -c1-2 /var/run/secrets/kubernetes.io/serviceaccount/token')).toBe('ey\n');

  await kubectl(['patch', 'configmap', 'settings', '-p', '{"data":{"colour":"green"}}']);
  await eventually(async () => expect(await sh('volumes', 'cat /settings/colour')).toBe('green'), {
    timeoutMs: 90_000,
  });
});

it('runs init containers in order before the others, and ends gracefully', async () => {
  await apply(
    cluster(),
    shellPod(
      'ordered',
      'cat /work/log; trap "echo bye; exit 0" TERM; while :; do sleep 1 & wait; done',
      { volumeMounts: [{ name: 'work', mountPath: '/work' }] },
      {
        volumes: [{ name: 'work', emptyDir: {} }],
        initContainers: ['one', 'two'].map((name) => ({
          name,
          image: 'coracle.local/busybox:1',
          command: ['sh', '-c', `echo ${name} >> /work/log`],
          volumeMounts: [{ name: 'work', mountPath: '/work' }],
        })),
      },
    ),
  );
  await ready('ordered');
  expect(await kubectl('logs ordered')).toBe('one\ntwo\n');
  const since = performance.now();
  await kubectl('delete pod ordered');
  expect(performance.now() - since).toBeLessThan(8_000);
});
