/** Three boards on two network segments: every Pod reaches every Pod and every Service by name, with the server and without. */
import { expect, it } from 'vitest';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import type { Board } from '../support/boards/board.ts';
import { eventually } from '../support/boards/eventually.ts';
import { runningOn } from '../support/cluster/containers.ts';
import { apply, helloDeployment } from '../support/cluster/manifests.ts';
import { useCluster } from '../support/cluster/use-cluster.ts';

const cluster = useCluster({ boards: 3, secondSegment: [3], ownContainerd: true });

const shell = {
  name: 'shell',
  image: 'coracle.local/busybox:1',
  imagePullPolicy: 'IfNotPresent',
  command: ['sh', '-c', 'trap "exit 0" TERM; while :; do sleep 1 & wait; done'],
};
/** On each board a Pod that answers, and a Service that it alone is behind. */
const names = ['board-1', 'board-2', 'board-3'];
let addresses: readonly string[] = [];

const shellOn = (board: Board) => runningOn(board, 'busybox');

/** From the Pod of each board to each Pod by address and by name of its Service; what has not answered. */
async function unreached(): Promise<string[]> {
  const targets = [...addresses.map((ip) => `${ip}:8080`), ...names.map((name) => `web-${name}`)];
  const script = targets
    .map((target) => `timeout 3 wget -qO- http://${target}/healthz >/dev/null || echo ${target}`)
    .join('; ');
  const missing = await Promise.all(
    cluster().boards.map(async (board) => {
      const { stdout, stderr, code } = await board.execIn(await shellOn(board), script);
      if (code !== 0 && stdout === '') throw new Error(stderr);
      return stdout
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => `${board.name} to ${line}`);
    }),
  );
  return missing.flat();
}
const allReached = () => eventually(async () => expect(await unreached()).toEqual([]), { timeoutMs: 45_000 });

it('starts a Pod and a Service for each board', async () => {
  const manifests = names.flatMap((name) => {
    const app = `web-${name}`;
    const service = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: app },
      spec: { selector: { app }, ports: [{ port: 80, targetPort: 8080 }] },
    };
    const deployment = helloDeployment(app, 1, { nodeName: name }) as unknown as { spec: { template: Pod } };
    deployment.spec.template.spec.containers.push(shell);
    return [deployment, service];
  });
  await apply(cluster(), ...manifests);
  const pods = await Promise.all(names.map((name) => cluster().readyPods(`app=web-${name}`, 1)));
  addresses = pods.map(([pod]) => pod?.status?.podIP ?? '');
});

it('reaches everything from everywhere', async () => {
  await allReached();
});

it('reaches Pods from the boards themselves, by address and by the node port of any board', async () => {
  const ports = { spec: { type: 'NodePort', ports: [{ port: 80, targetPort: 8080, nodePort: 30083 }] } };
  await cluster().kubectl.ok(['patch', 'service', 'web-board-3', '-p', JSON.stringify(ports)]);
  const [first] = cluster().boards;
  const ways = [...addresses.map((ip) => `${ip}:8080`), ...cluster().boards.map(({ ip }) => `${ip}:30083`)];
  const script = ways
    .map((way) => `curl -sS -m 3 -o /dev/null http://${way}/healthz || echo ${way}`)
    .join('; ');
  await eventually(async () => expect((await first?.exec(script))?.stdout).toBe(''));
});

it('goes straight within a segment and through a tunnel across, with an MTU that fits', async () => {
  const [first, , third] = cluster().boards;
  const routes = (await first?.exec('ip route'))?.stdout ?? '';
  expect(routes).toMatch(/10\.42\.\d+\.0\/24 via 10\.77\.\d+\.12 dev eth0/);
  expect(routes).toMatch(/10\.42\.\d+\.0\/24 via 10\.42\.\d+\.0 dev coracle\.vxlan/);
  expect((await third?.exec('ip route'))?.stdout).not.toMatch(/10\.42\.\d+\.0\/24 via 10\.7/);
  for (const board of cluster().boards)
    expect((await board.execIn(await shellOn(board), 'cat /sys/class/net/eth0/mtu')).stdout).toBe('1450\n');
});

it('still does while the server is away, for a board that lost its power too', async () => {
  await cluster().server.stop();
  await allReached();
  const board = cluster().board('board-3');
  await board.powerCut();
  await board.boot();
  await allReached();
});
