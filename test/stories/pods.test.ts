/** One Pod's life: probes, crashes, volumes, configuration. */
import { expect, it } from 'vitest';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import { eventually } from '../support/boards/eventually.ts';
import { apply, mainStatus, shellPod } from '../support/cluster/manifests.ts';
import { Running } from '../support/cluster/running.ts';
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
  await eventually(async () => expect(await kubectl('describe pod sick')).toContain('Liveness probe failed'));
  await kubectl('delete pod sick --now');
});

it('backs off from a crashing container: 10 s, then 20 s', async () => {
  await apply(cluster(), shellPod('crash', 'date +%s; exit 3'));
  /** Gives when its last run began and ended, as the board's runtime has it: in whole seconds, however late this is looked at. */
  const backsOff = (restartCount: number, wait: string) =>
    eventually(
      async () => {
        const status = await mainStatus(cluster(), 'crash');
        expect(status).toMatchObject({
          restartCount,
          state: {
            waiting: { reason: 'CrashLoopBackOff', message: expect.stringContaining(`back-off ${wait} `) },
          },
          lastState: { terminated: { exitCode: 3, reason: 'Error' } },
        });
        const { startedAt = '', finishedAt = '' } = status.lastState?.terminated ?? {};
        return { started: Date.parse(startedAt) / 1000, ended: Date.parse(finishedAt) / 1000 };
      },
      { timeoutMs: 60_000 },
    );
  const first = await backsOff(1, '10s'); // the first restart is immediate
  const second = await backsOff(2, '20s');
  expect(second.started - first.ended).toBeGreaterThanOrEqual(9);
  await eventually(async () =>
    expect(await kubectl('describe pod crash')).toMatch(
      /Warning +BackOff .*Back-off restarting failed container/,
    ),
  );
  await kubectl('delete pod crash --now');
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
  await eventually(async () => expect(await sh('volumes', 'cat /shared/note')).toBe('from other\n'));
  await sh('volumes', 'echo kept > /host/note');
  expect((await cluster().board('board-1').exec('cat /var/lib/coracle/story/note')).stdout).toBe('kept\n');
  expect(await sh('volumes', 'cat /settings/colour; echo; echo $COLOUR')).toBe('blue\nblue\n');
  expect(await sh('volumes', 'stat -L -c %a /settings/colour /password/word')).toBe('644\n400\n');
  expect(await sh('volumes', 'cat /password/word')).toBe('sesame');
  await kubectl(['patch', 'configmap', 'settings', '-p', '{"data":{"colour":"green"}}']);
  await eventually(async () => expect(await sh('volumes', 'cat /settings/colour')).toBe('green'), {
    timeoutMs: 90_000,
  });
});

it('lends a Pod a token that the API server takes', async () => {
  // A board has no client that speaks TLS but this Node: it is lent to the Pod with the board's whole disk. And the Pod is on
  // the board's own network: from a Pod's, the answer would need the service proxy's masquerading.
  const volumes = [{ name: 'board', hostPath: { path: '/' } }];
  await apply(
    cluster(),
    shellPod(
      'caller',
      undefined,
      { volumeMounts: [{ name: 'board', mountPath: '/board' }] },
      { volumes, hostNetwork: true },
    ),
  );
  await ready('caller');
  const folder = '/var/run/secrets/kubernetes.io/serviceaccount';
  expect(await sh('caller', `stat -L -c %a ${folder}/token ${folder}/ca.crt`)).toBe('644\n644\n');
  const script = `fetch(process.env.URL, { headers: { authorization: 'Bearer ' + process.env.TOKEN } })
    .then(async (answer) => console.log(answer.status, await answer.text()))`;
  const call = `cat ${folder}/ca.crt > /board/run/story-ca.crt
    export NODE_EXTRA_CA_CERTS=/run/story-ca.crt TOKEN=$(cat ${folder}/token)
    export URL=${cluster().url}/api/v1/namespaces/$(cat ${folder}/namespace)/pods/caller
    chroot /board ${process.execPath} -e "${script}"`;
  expect(await sh('caller', call)).toMatch(
    /^403 .*pods \\"caller\\" is forbidden: User \\"system:serviceaccount:default:default\\" cannot get resource/,
  );
  await kubectl('create rolebinding viewer --clusterrole=view --serviceaccount=default:default');
  await eventually(async () => expect(await sh('caller', call)).toMatch(/^200 .*"name":"caller"/));
});

it('gives a Pod five minutes on a board that is gone, and leaves nothing of it when it is deleted', async () => {
  const board = cluster().board('board-1');
  await apply(
    cluster(),
    shellPod(
      'brief',
      undefined,
      {
        resources: { requests: { cpu: '10m' }, limits: { memory: '32Mi' } },
        volumeMounts: [{ name: 'memory', mountPath: '/memory' }],
      },
      { volumes: [{ name: 'memory', emptyDir: { medium: 'Memory' } }] },
    ),
  );
  await ready('brief');
  const { metadata, spec, status } = await cluster().kubectl.json<Pod>('get pod brief');
  expect(spec.tolerations).toEqual(
    ['not-ready', 'unreachable'].map((state) => ({
      key: `node.kubernetes.io/${state}`,
      operator: 'Exists',
      effect: 'NoExecute',
      tolerationSeconds: 300,
    })),
  );
  const traces = async () => {
    const { stdout } = await board.exec(
      `find /sys/fs/cgroup /var/log/pods /var/lib/coracle/pods /run/coracle -name '*${metadata.uid}*' 2>/dev/null;
       grep -o '/[^ ]*${metadata.uid}[^ ]*' /proc/mounts; find /var/lib -path '*networks*' -name ${status?.podIP}`,
    );
    const containers = await board.ctr(
      'containers',
      'ls',
      '-q',
      `labels."io.kubernetes.pod.uid"==${metadata.uid}`,
    );
    return `${stdout}${containers}`.trim();
  };
  expect(await traces()).toContain(`/cpu/kubepods/burstable/pod${metadata.uid}`);
  await kubectl('delete pod brief');
  await eventually(async () => expect(await traces()).toBe(''), { timeoutMs: 60_000 });
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
  const log = new Running(cluster().kubectl.argv('logs --follow ordered -c main'));
  await log.says(/two\n/, 30_000);
  await kubectl('delete pod ordered');
  await log.ends();
  expect(log.output).toBe('one\ntwo\nbye\n');
});
