/** A cluster with both families of addresses: Pods and Services have one of each, and each works, on both boards. */
import { expect, it } from 'vitest';
import { urlHost } from '#proto/net/host-port.ts';
import type { Service } from '#proto/schema/generated/core-v1.ts';
import { eventually } from '../support/boards/eventually.ts';
import { apply, shellPod } from '../support/cluster/manifests.ts';
import { useCluster } from '../support/cluster/use-cluster.ts';

const cluster = useCluster({
  boards: 2,
  ownContainerd: true,
  serverFlags: [
    '--cluster-cidr',
    '10.42.0.0/16,fd00:42::/56',
    '--service-cidr',
    '10.43.0.0/16,fd00:43::/112',
  ],
});
const inPod = (script: string) => cluster().kubectl.run(['exec', 'client', '--', 'sh', '-c', script]);

it('gives Pods and Services an address of each family, and leads both', async () => {
  await apply(
    cluster(),
    // One on each board; busybox listens for both families.
    ...cluster().boards.map(({ name }) =>
      shellPod(
        `web-${name}`,
        'mkdir /tmp/www && hostname >/tmp/www/index.html && exec httpd -f -p [::]:8080 -h /tmp/www',
        {},
        { nodeName: name },
      ),
    ),
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web' },
      spec: {
        ipFamilyPolicy: 'RequireDualStack',
        selector: { tier: 'web' },
        ports: [{ name: 'http', port: 80, targetPort: 8080 }],
      },
    },
    shellPod('client'),
  );
  await cluster().kubectl.ok('label pods tier=web --selector app!=client');
  const pods = await cluster().readyPods('tier=web', 2);
  await cluster().readyPods('app=client', 1);
  for (const pod of pods)
    expect(pod.status?.podIPs?.map(({ ip }) => ip.includes(':'))).toEqual([false, true]);
  const { spec } = await cluster().kubectl.json<Service>('get service web');
  expect(spec.ipFamilies).toEqual(['IPv4', 'IPv6']);
  await eventually(async () =>
    expect((await inPod('nslookup -type=aaaa web.default.svc.cluster.local')).stdout).toContain(
      spec.clusterIPs?.[1],
    ),
  );
  for (const ip of spec.clusterIPs ?? []) {
    const url = `http://${urlHost(ip)}/`;
    await eventually(
      async () => {
        const { stdout } = await inPod(
          `for i in 1 2 3 4 5 6 7 8 9 10 11 12; do timeout 5 wget -qO- ${url} || exit 1; echo; done`,
        );
        return new Set(stdout.split('\n').filter((line) => /\S/.test(line))).size === 2;
      },
      { timeoutMs: 20_000 },
    );
  }
});
