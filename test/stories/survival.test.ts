/** What a cluster of boards lives through: crashes, partitions and power cuts, and containers that never notice. */
import { expect, it } from 'vitest';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import type { Board } from '../support/boards/board.ts';
import { eventually, throughout } from '../support/boards/eventually.ts';
import { Api, credentialsOf } from '../support/cluster/api.ts';
import { apply, helloDeployment } from '../support/cluster/manifests.ts';
import { useCluster } from '../support/cluster/use-cluster.ts';

const cluster = useCluster({ boards: 2 });
const kubectl = (args: string, input?: string) =>
  cluster().kubectl.ok(args, input === undefined ? {} : { input });

/** Ids and restart counts of all containers: equal before and after means that none was touched. */
async function containers(): Promise<Readonly<Record<string, string>>> {
  const { items } = await cluster().kubectl.json<{ items: Pod[] }>('get pods -l app=web');
  return Object.fromEntries(
    items.map((pod) => {
      const [status] = pod.status?.containerStatuses ?? [];
      return [pod.metadata.name ?? '', `${status?.containerID} ${status?.restartCount}`];
    }),
  );
}

const helloTasks = async (board: Board) => (await board.exec('pgrep -c -x hello')).stdout.trim();

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
  await board?.killService('agent');
  await board?.killService('containerd');
  await eventually(
    () => board?.servicePid('containerd') !== undefined && board.servicePid('agent') !== undefined,
  );
  await throughout(5_000, async () => expect(await containers()).toEqual(before), 1_000);
  await cluster().nodesReady();
});

it('keeps the Pods of a partitioned board running, and reports them when healed', async () => {
  const before = await containers();
  const [board] = cluster().boards;
  if (!board) throw new Error('no board');
  const running = await helloTasks(board);
  await board.partition();
  await throughout(10_000, async () => expect(await helloTasks(board)).toBe(running), 1_000);
  await board.heal();
  await cluster().nodesReady(90_000);
  await cluster().readyPods('app=web', 4);
  expect(await containers()).toEqual(before);
});

it('runs its Pods again after a power cut while the server is away', async () => {
  const [board] = cluster().boards;
  if (!board) throw new Error('no board');
  const running = await helloTasks(board);
  expect(Number(running)).toBeGreaterThan(0);
  await cluster().server.stop();
  await board.powerCut();
  await board.boot();
  await eventually(async () => expect(await helloTasks(board)).toBe(running), { timeoutMs: 60_000 });
  await cluster().server.start();
  await cluster().nodesReady();
  await cluster().readyPods('app=web', 4);
});
