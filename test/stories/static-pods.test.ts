/** Pods of files on a board: seen by the cluster, and independent of it. And what becomes of all Pods when a board is switched off. */
import { expect, it } from 'vitest';
import type { Node, Pod } from '#proto/schema/generated/core-v1.ts';
import { eventually } from '../support/boards/eventually.ts';
import { apply, shellPod } from '../support/cluster/manifests.ts';
import { useCluster } from '../support/cluster/use-cluster.ts';

const cluster = useCluster({
  boards: 1,
  agentFlags: ['--shutdown-grace-period', '20s', '--shutdown-grace-period-critical-pods', '5s'],
});
const board = () => cluster().board('board-1');
const NAME = 'beacon-board-1';
const put = (text: string) =>
  board().exec(
    `mkdir -p /etc/coracle/manifests && cat >/etc/coracle/manifests/beacon.yaml <<'END'
apiVersion: v1
kind: Pod
metadata:
  name: beacon
  labels: {app: beacon}
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - name: main
      image: coracle.local/busybox:1
      imagePullPolicy: IfNotPresent
      command: [sh, -c, "echo ${text}; while :; do sleep 1; done"]
END`,
  );
const mirror = () => cluster().kubectl.json<Pod>(['get', 'pod', NAME]);
const containerOf = (pod: Pod) => pod.status?.containerStatuses?.[0]?.containerID;
const running = (isRight: (pod: Pod) => boolean = () => true) =>
  eventually(
    async () => {
      const pod = await mirror();
      expect(pod.status?.phase).toBe('Running');
      expect(isRight(pod)).toBe(true);
      return pod;
    },
    { timeoutMs: 90_000 },
  );
/** A container that runs may not have spoken yet. */
const says = (text: string) =>
  eventually(async () => expect(await cluster().kubectl.ok(['logs', NAME])).toBe(text));
const tasks = async (): Promise<string[]> =>
  (await board().ctr('tasks', 'list'))
    .split('\n')
    .flatMap((line) => (line.includes('RUNNING') ? [line.split(/\s+/)[0] ?? ''] : []));

it('run, are mirrored, outlive the deletion of their mirror, and follow their file', async () => {
  await put('one');
  const first = await running();
  expect(first.metadata.annotations).toMatchObject({ 'kubernetes.io/config.source': 'file' });
  expect(first.metadata.ownerReferences).toMatchObject([{ kind: 'Node', name: 'board-1' }]);
  await says('one\n');
  expect(await cluster().kubectl.ok(['exec', NAME, '--', 'echo', 'here'])).toBe('here\n');

  // Whoever waits may wait for ever: kubectl takes the one that comes in its place for the one that it deleted.
  await cluster().kubectl.ok(['delete', 'pod', NAME, '--wait=false']);
  const again = await running((pod) => pod.metadata.uid !== first.metadata.uid);
  expect(containerOf(again)).toBe(containerOf(first));

  await put('two');
  await running((pod) => containerOf(pod) !== undefined && containerOf(pod) !== containerOf(first));
  await says('two\n');
});

it('start after a power cut with no server in reach, and go with their file', async () => {
  await cluster().server.kill();
  await board().powerCut();
  await board().boot();
  await eventually(async () => expect(await tasks()).toHaveLength(2), { timeoutMs: 90_000 });
  await cluster().server.start();
  await running();
  await board().exec('rm /etc/coracle/manifests/beacon.yaml');
  await eventually(
    async () => {
      expect((await cluster().kubectl.run(['get', 'pod', NAME])).stderr).toContain('not found');
      expect(await tasks()).toEqual([]);
      return true;
    },
    { timeoutMs: 90_000 },
  );
});

it('end in order when their board is switched off, and not when its agent is restarted', async () => {
  await apply(cluster(), shellPod('web'));
  await cluster().kubectl.ok('wait --for=condition=Ready pod/web --timeout=90s');
  await board().killService('agent', 'SIGTERM');
  expect(await tasks()).toHaveLength(2);
  // There is no systemd on a virtual board: this one says that the system stops.
  await board().exec(
    "printf '#!/bin/sh\\necho stopping; exit 1\\n' >/run/systemctl && chmod +x /run/systemctl && mount --bind /run/systemctl /usr/bin/systemctl",
  );
  await eventually(
    async () => (await board().exec('systemctl is-system-running')).stdout.includes('stopping') || undefined,
  );
  // Once it takes a Pod up, it has taken up the others.
  await apply(cluster(), shellPod('late'));
  await cluster().kubectl.ok('wait --for=condition=Ready pod/late --timeout=90s');
  await board().stopService('agent', 'SIGTERM');
  const { status } = await cluster().kubectl.json<Pod>(['get', 'pod', 'web']);
  expect(status).toMatchObject({
    ...{ phase: 'Failed', reason: 'Terminated' },
    message: 'Pod was terminated in response to imminent node shutdown.',
  });
  expect(await tasks()).toEqual([]);
  const node = await cluster().kubectl.json<Node>(['get', 'node', 'board-1']);
  expect(node.status?.conditions?.find(({ type }) => type === 'Ready')).toMatchObject({
    ...{ status: 'False', message: 'node is shutting down' },
  });
});
