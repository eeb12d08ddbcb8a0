/** What a cluster of boards lives through: crashes, partitions and power cuts, and containers that never notice. */
import { expect, it } from 'vitest';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import type { Board } from '../support/boards/board.ts';
import { eventually, throughout } from '../support/boards/eventually.ts';
import { Api, credentialsOf } from '../support/cluster/api.ts';
import { isTrue } from '../support/cluster/cluster.ts';
import { containersOf, tasksOn } from '../support/cluster/containers.ts';
import { apply, helloDeployment } from '../support/cluster/manifests.ts';
import { useCluster } from '../support/cluster/use-cluster.ts';

const cluster = useCluster({ boards: 2 });
const kubectl = (args: string, input?: string) =>
  cluster().kubectl.ok(args, input === undefined ? {} : { input });

const containers = () => containersOf(cluster(), 'app=web');
it('starts', async () => {
  await apply(cluster(), helloDeployment('web', 4));
  await cluster().readyPods('app=web', 4);
});

it('keeps every acknowledged object when the server is killed among 1,000 creates', async () => {
  const before = await containers();
  const acknowledged: string[] = [];
  const api = new Api(cluster().url, credentialsOf(cluster().kubeconfig), 8);
  const names = Array.from({ length: 1000 }, (_, i) => `kept-${i}`);
  const creating = Array.from({ length: 8 }, async () => {
    for (let name = names.pop(); name !== undefined; name = names.pop()) {
      const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { name } };
      const answer = await api.create('/api/v1/namespaces/default/configmaps', object).catch(() => undefined);
      if (answer === undefined) return; // the server is gone
      if (answer.status === 201) acknowledged.push(name);
    }
  });
  await eventually(() => acknowledged.length > 300, { timeoutMs: 60_000, intervalMs: 5 });
  await cluster().server.kill();
  await Promise.all(creating);
  api.close();
  expect(acknowledged.length).toBeLessThan(1000);
  await cluster().server.start();
  const there = new Set((await kubectl('get configmaps -o name')).trim().split('\n'));
  expect(acknowledged.filter((name) => !there.has(`configmap/${name}`))).toEqual([]);
  await cluster().nodesReady();
  await kubectl('scale deployment web --replicas=5'); // watches work again, all the way to a board
  await cluster().readyPods('app=web', 5);
  await kubectl('scale deployment web --replicas=4');
  await eventually(async () => expect(Object.keys(await containers())).toHaveLength(4), {
    timeoutMs: 60_000,
  });
  for (const [pod, id] of Object.entries(await containers())) if (before[pod]) expect(id).toBe(before[pod]);
});

it('leaves containers alone when the agent or containerd restarts', async () => {
  const before = await containers();
  const [board] = cluster().boards;
  if (!board) throw new Error('no board');
  const tasks = await tasksOn(board);
  for (const killed of [['agent'], ['containerd'], ['containerd', 'agent']]) {
    for (const service of killed) await board.killService(service);
    await eventually(
      () => board.servicePid('containerd') !== undefined && board.servicePid('agent') !== undefined,
    );
    await throughout(5_000, async () => expect(await containers()).toEqual(before), 1_000);
    await cluster().nodesReady();
    // A containerd that has just started may not answer yet.
    expect(await eventually(() => tasksOn(board))).toBe(tasks);
  }
});

const readyOn = async (node: string) => {
  const { items } = await cluster().kubectl.json<{ items: Pod[] }>('get pods -l app=web');
  return items.filter((pod) => pod.spec.nodeName === node && isTrue(pod, 'Ready')).length;
};

it.each([
  ['partitioned', (board: Board) => board.partition(), (board: Board) => board.heal()],
  ['frozen', (board: Board) => board.freeze(), (board: Board) => board.thaw()],
])('keeps the Pods of a %s board, and reports them when it is back', async (_how, leave, comeBack) => {
  const before = await containers();
  const [board] = cluster().boards;
  if (!board) throw new Error('no board');
  const tasks = await tasksOn(board);
  await leave(board);
  // Long enough for the server to give the board up, and its Pods' readiness with it.
  await eventually(async () => expect(await kubectl(`get node ${board.name}`)).toContain('NotReady'), {
    timeoutMs: 90_000,
    intervalMs: 1_000,
  });
  await eventually(async () => expect(await readyOn(board.name)).toBe(0));
  await comeBack(board);
  await cluster().nodesReady();
  await cluster().readyPods('app=web', 4);
  expect(await containers()).toEqual(before);
  expect(await tasksOn(board)).toBe(tasks);
});

it('runs its Pods again after a power cut while the server is away', async () => {
  const [board] = cluster().boards;
  if (!board) throw new Error('no board');
  const before = await containers();
  const running = (await tasksOn(board)).match(/RUNNING/g)?.length;
  expect(running).toBeGreaterThanOrEqual(4); // two Pods, each with its sandbox
  await cluster().server.stop();
  await board.powerCut();
  await board.boot();
  await eventually(async () => expect((await tasksOn(board)).match(/RUNNING/g)).toHaveLength(running ?? 0), {
    timeoutMs: 60_000,
  });
  const tasks = await tasksOn(board);
  await throughout(5_000, async () => expect(await tasksOn(board)).toBe(tasks), 1_000);

  await cluster().server.start();
  await cluster().nodesReady();
  await eventually(async () => {
    for (const pod of await cluster().readyPods('app=web', 4)) {
      expect(Object.keys(before)).toContain(pod.metadata.name);
      const restarts = pod.spec.nodeName === board.name ? 1 : 0;
      expect(pod.status?.containerStatuses?.[0]?.restartCount).toBe(restarts);
    }
    return true;
  });
  expect(await tasksOn(board)).toBe(tasks);
});
