/** `--network none`: a network that somebody else has installed, with Services and names on top of it. */
import { expect, it } from 'vitest';
import { eventually } from '../support/boards/eventually.ts';
import { apply, helloDeployment, shellPod } from '../support/cluster/manifests.ts';
import { useCluster } from '../support/cluster/use-cluster.ts';

const network = {
  cniVersion: '0.4.0',
  name: 'other',
  plugins: [
    {
      type: 'ptp',
      mtu: 1400,
      ipam: { type: 'host-local', ranges: [[{ subnet: '10.99.0.0/24' }]], routes: [{ dst: '0.0.0.0/0' }] },
    },
  ],
};
const cluster = useCluster({
  boards: 1,
  ownContainerd: true,
  serverFlags: ['--network', 'none', '--cluster-cidr', '10.99.0.0/16'],
  files: { '/etc/cni/net.d/20-other.conflist': JSON.stringify(network) },
});

it('runs Pods in it, which reach each other by name, and writes none of its own', async () => {
  await apply(
    cluster(),
    helloDeployment('web', 2),
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web' },
      spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }] },
    },
    shellPod('client'),
  );
  for (const pod of await cluster().readyPods('app=web', 2))
    expect(pod.status?.podIP).toMatch(/^10\.99\.0\./);
  await cluster().readyPods('app=client', 1);
  const inClient = (script: string) => cluster().kubectl.ok(['exec', 'client', '--', 'sh', '-c', script]);
  await eventually(async () => expect(await inClient('timeout 5 wget -qO- http://web/')).toMatch(/web-/));
  expect(await inClient('cat /sys/class/net/eth0/mtu')).toBe('1400\n');
  const board = cluster().board('board-1');
  expect((await board.exec('ip link')).stdout).not.toMatch(/cni0|coracle\./);
  expect((await board.exec('ip route')).stdout).not.toMatch(/proto 144/);
});
