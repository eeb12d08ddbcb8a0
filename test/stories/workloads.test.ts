/** Deployments over two boards: power cuts, rolling updates, and an image that does not exist. */
import { expect, it } from 'vitest';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import { eventually, throughout } from '../support/boards/eventually.ts';
import { isTrue } from '../support/cluster/cluster.ts';
import { containersOf, tasksOn } from '../support/cluster/containers.ts';
import { apply, helloDeployment, shellPod } from '../support/cluster/manifests.ts';
import { useCluster } from '../support/cluster/use-cluster.ts';

const cluster = useCluster({ boards: 2, ownContainerd: true });
const kubectl = (args: string) => cluster().kubectl.ok(args);
/** Upstream's five minutes would make this story long; the toleration is the Pod's own to choose. */
const tolerations = ['not-ready', 'unreachable'].map((state) => ({
  key: `node.kubernetes.io/${state}`,
  operator: 'Exists',
  effect: 'NoExecute',
  tolerationSeconds: 5,
}));

const nodesOf = (pods: readonly Pod[]) => new Set(pods.map((pod) => pod.spec.nodeName));

it('rolls an update without losing readiness, stops at a bad image, and undo repairs it', async () => {
  await apply(cluster(), helloDeployment('web', 3));
  await cluster().readyPods('app=web', 3);

  await kubectl('set image deployment/web hello=coracle.local/hello:2');
  let done = false;
  const rollout = kubectl('rollout status deployment/web --timeout=120s').finally(() => {
    done = true;
  });
  while (!done) {
    const { items } = await cluster().kubectl.json<{ items: Pod[] }>('get pods -l app=web');
    expect(items.filter((pod) => isTrue(pod, 'Ready')).length).toBeGreaterThanOrEqual(2); // 25 % of 3, rounded down
  }
  await rollout;
  const updated = await cluster().readyPods('app=web', 3);
  expect(new Set(updated.map((pod) => pod.spec.containers[0]?.image))).toEqual(
    new Set(['coracle.local/hello:2']),
  );

  await kubectl('set image deployment/web hello=coracle.local/missing:1');
  await eventually(
    async () => expect(await kubectl('get pods -l app=web')).toMatch(/ErrImage|ImagePullBackOff/),
    { timeoutMs: 60_000 },
  );
  expect((await cluster().kubectl.run('rollout status deployment/web --timeout=3s')).code).not.toBe(0);
  expect(Number(await kubectl('get deployment web -o jsonpath={.status.readyReplicas}'))).toBe(3);
  await kubectl('rollout undo deployment/web');
  await kubectl('rollout status deployment/web --timeout=90s');
  await cluster().readyPods('app=web', 3);
});

it('leaves containers alone when the agent, or the containerd that it runs, is killed', async () => {
  const [board] = cluster().boards;
  if (!board) throw new Error('no board');
  const before = await containersOf(cluster(), 'app=web');
  const tasks = await tasksOn(board);
  await board.killService('agent');
  await throughout(
    5_000,
    async () => expect(await containersOf(cluster(), 'app=web')).toEqual(before),
    1_000,
  );
  expect(await tasksOn(board)).toBe(tasks);
  expect((await board.exec('pkill -KILL -x containerd')).code).toBe(0);
  await throughout(
    5_000,
    async () => expect(await containersOf(cluster(), 'app=web')).toEqual(before),
    1_000,
  );
  expect(await eventually(() => tasksOn(board))).toBe(tasks);
  await cluster().nodesReady();
});

it('schedules nothing on a board before it is Ready', async () => {
  const labels = { 'kubernetes.io/hostname': 'ghost' };
  await apply(
    cluster(),
    { apiVersion: 'v1', kind: 'Node', metadata: { name: 'ghost', labels } },
    shellPod('early', undefined, {}, { nodeSelector: labels }),
  );
  await eventually(async () =>
    expect(await kubectl('describe pod early')).toMatch(
      /FailedScheduling .* 1 node\(s\) had untolerated taint\(s\)/,
    ),
  );
  expect(await kubectl('get node ghost -o jsonpath={.spec.taints[*].key}')).toBe(
    'node.kubernetes.io/not-ready',
  );
  await kubectl('delete pod/early node/ghost');
});

it('moves the Pods of a board without power, and the board comes back empty of them', async () => {
  const { boards } = cluster();
  const [lost] = boards;
  await apply(cluster(), helloDeployment('six', 6, { tolerations }));
  expect(nodesOf(await cluster().readyPods('app=six', 6)).size).toBe(2);

  await lost?.powerCut();
  await eventually(async () => expect(await kubectl(`get node ${lost?.name}`)).toContain('NotReady'), {
    timeoutMs: 90_000,
  });
  const moved = await eventually(
    async () => {
      const { items } = await cluster().kubectl.json<{ items: Pod[] }>('get pods -l app=six');
      const ready = items.filter((pod) => isTrue(pod, 'Ready') && pod.spec.nodeName !== lost?.name);
      if (ready.length !== 6) throw new Error(`${ready.length} of 6 moved`);
      return ready;
    },
    { timeoutMs: 120_000 },
  );
  const movedUids = new Set(moved.map((pod) => pod.metadata.uid));

  await lost?.boot();
  await cluster().nodesReady(90_000);
  const after = await cluster().readyPods('app=six', 6, 90_000);
  expect(new Set(after.map((pod) => pod.metadata.uid))).toEqual(movedUids);
  // Nothing of the old six is left in the board's containerd.
  await eventually(
    async () => expect(await lost?.ctr('containers', 'ls')).not.toContain('coracle.local/hello:1'),
    { timeoutMs: 60_000 },
  );
});
