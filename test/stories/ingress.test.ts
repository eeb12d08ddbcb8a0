/** Ingresses as somebody on the LAN sees them: any board's address, a name, a path. */
import { expect, it } from 'vitest';
import type { Ingress } from '#proto/schema/generated/networking-v1.ts';
import { eventually } from '../support/boards/eventually.ts';
import { must } from '../support/boards/shell.ts';
import { apply, helloDeployment } from '../support/cluster/manifests.ts';
import { useCluster } from '../support/cluster/use-cluster.ts';

const cluster = useCluster({ boards: 2, ownContainerd: true });

const aService = (name: string, spec: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name },
  spec: { selector: { app: name }, ports: [{ name: 'http', port: 80, targetPort: 8080 }], ...spec },
});
const anIngress = (name: string, spec: object, annotations: object = {}) => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'Ingress',
  metadata: { name, annotations },
  spec,
});
const to = (service: string, path = '/', pathType = 'Prefix') => ({
  path,
  pathType,
  backend: { service: { name: service, port: { name: 'http' } } },
});

/** What a board answers to a name and a path. */
const ask = (ip: string, url: string, ...flags: string[]) => {
  const { hostname, port, protocol } = new URL(url);
  const at = port || (protocol === 'https:' ? '443' : '80');
  return must(['curl', '-sS', '-m', '5', '--resolve', `${hostname}:${at}:${ip}`, ...flags, url]);
};

it('serves a host and a path at every board', async () => {
  await apply(
    cluster(),
    helloDeployment('web', 2),
    aService('web'),
    anIngress('web', { rules: [{ host: 'web.example', http: { paths: [to('web')] } }] }),
  );
  await cluster().readyPods('app=web', 2);
  for (const board of cluster().boards)
    await eventually(async () => (await ask(board.ip, 'http://web.example/')).includes('Pod web-'));
  const { spec } = await cluster().kubectl.json<Ingress>('get ingress web');
  expect(spec.ingressClassName).toBe('coracle');
  await eventually(async () => {
    const table = await cluster().kubectl.ok('get ingress web --no-headers');
    const addresses = cluster().boards.map((board) => board.ip);
    return /^web +coracle +web\.example +/.test(table) && addresses.every((ip) => table.includes(ip));
  });
});
