/** NetworkPolicy as Pods of one board and of two see it, with the server and without. */
import { expect, it } from 'vitest';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import { eventually } from '../support/boards/eventually.ts';
import { runningOn } from '../support/cluster/containers.ts';
import { apply, helloDeployment, mainStatus, shellPod } from '../support/cluster/manifests.ts';
import { useCluster } from '../support/cluster/use-cluster.ts';

const cluster = useCluster({ boards: 2, ownContainerd: true });

const aPolicy = (name: string, spec: object) => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name },
  spec,
});
const web = { matchLabels: { app: 'web' } };
let addresses: string[] = [];
let id = '';
let friend = '';
/** Of the web Pod on the friend's board. */
let neighbour = '';
/** In Pod `friend`, with no server in between. */
const inFriend = (script: string) => cluster().board('board-1').execIn(friend, script);

/** Which of the two web Pods answer, asked from a Pod of the first board by a way that no policy concerns. */
async function answering(client: string): Promise<boolean[]> {
  const script = addresses.map(
    (ip) => `timeout 1 wget -qO- http://${ip}:8080/ >/dev/null && echo yes || echo no`,
  );
  const { stdout } = await cluster().kubectl.run(['exec', client, '--', 'sh', '-c', script.join('; ')]);
  return stdout
    .trim()
    .split('\n')
    .map((word) => word === 'yes');
}
const reaches = (client: string, expected: boolean) =>
  eventually(async () => expect(await answering(client)).toEqual([expected, expected]));

it('starts without policies: everybody reaches everybody', async () => {
  const spread = {
    maxSkew: 1,
    topologyKey: 'kubernetes.io/hostname',
    whenUnsatisfiable: 'DoNotSchedule',
    labelSelector: web,
  };
  await apply(
    cluster(),
    helloDeployment('web', 2, { topologySpreadConstraints: [spread] }),
    shellPod('friend', undefined, {}, { nodeName: 'board-1' } as never),
    shellPod('stranger', undefined, {}, { nodeName: 'board-1' } as never),
  );
  const pods = await cluster().readyPods('app=web', 2);
  for (const name of ['friend', 'stranger']) await cluster().readyPods(`app=${name}`, 1);
  addresses = pods.map((pod) => pod.status?.podIP ?? '');
  id = pods[0]?.metadata.uid ?? '';
  const board = await cluster().kubectl.json<Pod>('get pod friend');
  neighbour = pods.find((pod) => pod.status?.hostIP === board.status?.hostIP)?.status?.podIP ?? '';
  friend = (await mainStatus(cluster(), 'friend')).containerID?.replace('containerd://', '') ?? '';
  await reaches('stranger', true);
});

it('lets in whom a policy names, over the bridge and from the other board, and probes go on', async () => {
  await apply(
    cluster(),
    aPolicy('web', {
      podSelector: web,
      ingress: [{ from: [{ podSelector: { matchLabels: { app: 'friend' } } }], ports: [{ port: 8080 }] }],
    }),
  );
  await reaches('stranger', false);
  await reaches('friend', true);
  await cluster().kubectl.ok('label pod stranger app=friend --overwrite');
  await reaches('stranger', true);
  await cluster().kubectl.ok('label pod stranger app=stranger --overwrite');
  await reaches('stranger', false);
  const pods = await cluster().readyPods('app=web', 2);
  expect(pods[0]?.metadata.uid).toBe(id);
});

it('isolates a Pod before its first packet', async () => {
  await apply(
    cluster(),
    aPolicy('silent', { podSelector: { matchLabels: { silent: 'yes' } }, policyTypes: ['Egress'] }),
  );
  const script = `for i in 1 2 3; do timeout 1 wget -qO- http://${addresses[1]}:8080/ && echo OPEN; done; echo DONE`;
  const probes = ['a', 'b', 'c'].map((name) => {
    const pod = shellPod(`silent-${name}`, script, {}, {
      nodeName: 'board-1',
      restartPolicy: 'Never',
    } as never);
    const { metadata } = pod as unknown as Pod;
    return { ...pod, metadata: { ...metadata, labels: { silent: 'yes', app: 'friend' } } };
  });
  await apply(cluster(), ...probes);
  for (const { metadata } of probes) {
    const said = await eventually(
      async () => {
        const log = await cluster().kubectl.ok(`logs ${metadata.name}`);
        expect(log).toContain('DONE');
        return log;
      },
      { timeoutMs: 30_000 },
    );
    expect(said).not.toContain('OPEN');
  }
});

it('cuts a connection that a policy comes to forbid', async () => {
  const [target = ''] = addresses;
  const request = `(until [ -e /tmp/ask ]; do sleep 0.1; done; printf 'GET /healthz HTTP/1.0\\r\\n\\r\\n'; sleep 2; killall nc)`;
  const held = inFriend(`${request} | nc ${target} 8080 >/tmp/held`);
  // Established, with port 8080 over there.
  await eventually(async () => (await inFriend("grep ':1F90 01' /proc/net/tcp")).code === 0);
  await apply(cluster(), aPolicy('web', { podSelector: web, ingress: [] }));
  await reaches('friend', false);
  await inFriend('touch /tmp/ask');
  await held;
  expect((await inFriend('cat /tmp/held')).stdout).toBe('');
});

it('holds while the server is away, for an agent that starts again and a board that lost its power', async () => {
  await cluster().server.stop();
  const board = cluster().board('board-1');
  expect((await inFriend(`timeout 1 wget -qO- http://${neighbour}:8080/`)).code).not.toBe(0);
  await board.killService('agent');
  expect((await inFriend(`timeout 1 wget -qO- http://${neighbour}:8080/`)).code).not.toBe(0);
  await board.powerCut();
  await board.boot();
  // What the board itself asks is always answered: the Pod is there again, at its address.
  await eventually(
    async () => expect((await board.exec(`curl -sS -m 2 http://${neighbour}:8080/healthz`)).code).toBe(0),
    { timeoutMs: 60_000 },
  );
  friend = await eventually(() => runningOn(board, 'busybox'));
  expect((await inFriend('true')).code).toBe(0);
  expect((await inFriend(`timeout 1 wget -qO- http://${neighbour}:8080/`)).code).not.toBe(0);
  await cluster().server.start();
  await reaches('friend', false);
  await cluster().kubectl.ok('delete networkpolicy --all');
  await reaches('stranger', true);
  await eventually(async () =>
    expect((await board.exec('nft list tables')).stdout).not.toContain('coracle-policy'),
  );
});
