/**
 * Ingresses as somebody on the LAN sees them: any board's address, a name, a path. What HAProxy makes of requests is in
 * test/e2e/ingress.test.ts; here is what needs a cluster.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createCa } from '#proto/pki/certificate.ts';
import { generateKey, keyToPem } from '#proto/pki/key.ts';
import { toPem } from '#proto/pki/pem.ts';
import type { Node } from '#proto/schema/generated/core-v1.ts';
import type { Board } from '../support/boards/board.ts';
import { eventually } from '../support/boards/eventually.ts';
import { apply, helloDeployment } from '../support/cluster/manifests.ts';
import { useCluster } from '../support/cluster/use-cluster.ts';
import { ask, askH2, echo, openWebSocket, startLoad } from '../support/http/client.ts';
import { type Asked, type Origin, startOrigin } from '../support/http/origin.ts';

const cluster = useCluster({ boards: 2, ownContainerd: true });

const aService = (name: string, spec: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name },
  spec: { selector: { app: name }, ports: [{ name: 'http', port: 80, targetPort: 8080 }], ...spec },
});
const anIngress = (name: string, spec: object) => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'Ingress',
  metadata: { name },
  spec,
});
const to = (service: string, path = '/', pathType = 'Prefix') => ({
  path,
  pathType,
  backend: { service: { name: service, port: { number: 80 } } },
});
const aPair = (name: string, commonName: string) => {
  const key = generateKey();
  const certificate = createCa({ commonName, key, notBeforeMs: 0, notAfterMs: 1e13 });
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'kubernetes.io/tls',
    metadata: { name },
    stringData: { 'tls.crt': toPem('CERTIFICATE', certificate), 'tls.key': keyToPem(key) },
  };
};
const at = ({ ip }: Board, host: string) => ({ ip, port: 80, host });
const atTls = ({ ip }: Board, host: string) => ({ ip, port: 443, host });
const shown = async (board: Board, host = 'web.example') =>
  (await ask(atTls(board, host), '/', { tls: true })).certificate;
const body = async (board: Board, path = '/', host = 'web.example'): Promise<string> => {
  const answer = await ask(at(board, host), path);
  if (answer.status !== 200) throw new Error(`${board.name}: ${answer.status} ${answer.body}`);
  return answer.body;
};
const everywhere = async <T>(check: (board: Board) => Promise<T>): Promise<void> => {
  for (const board of cluster().boards) await eventually(() => check(board), { timeoutMs: 60_000 });
};
const events = () => cluster().kubectl.ok('describe ingress web');

/** On this machine, which boards reach as they would any host of their LAN. */
let machine: Origin;
beforeAll(async () => {
  machine = await startOrigin('machine', cluster().lan.hostIp);
});
afterAll(() => machine.kill());

it('serves hosts and paths at every board, and tells where', async () => {
  await apply(
    cluster(),
    helloDeployment('web', 2),
    aService('web'),
    aService('machine', {
      selector: undefined,
      ports: [{ name: 'http', port: 80, targetPort: machine.port }],
    }),
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: 'machine-1', labels: { 'kubernetes.io/service-name': 'machine' } },
      addressType: 'IPv4',
      endpoints: [{ addresses: [cluster().lan.hostIp] }],
      ports: [{ name: 'http', port: machine.port }],
    },
    aService('world', {
      selector: undefined,
      type: 'ExternalName',
      externalName: 'web.default.svc.cluster.local',
    }),
    aPair('pair', 'first'),
    anIngress('web', {
      rules: [
        {
          host: 'web.example',
          http: { paths: [to('web'), to('machine', '/machine'), to('world', '/world')] },
        },
        { host: 'broken.example', http: { paths: [to('nothing')] } },
      ],
      tls: [
        { hosts: ['web.example'], secretName: 'pair' },
        { hosts: ['broken.example'], secretName: 'nothing' },
      ],
    }),
  );
  await cluster().readyPods('app=web', 2);
  await everywhere(async (board) => (await body(board)).includes('Pod web-'));
  await everywhere(async (board) => (await body(board, '/machine/x')).includes('"url":"/machine/x"'));
  const rows = await eventually(async () => {
    const table = await cluster().kubectl.ok('get ingress web --no-headers');
    return cluster().boards.every(({ ip }) => table.includes(ip)) && table;
  });
  expect(rows).toMatch(/^web +coracle +web\.example,broken\.example +[\d.,]+ +80, 443 /);
  const told = await eventually(async () => {
    const text = await events();
    return text.includes('Served') && text;
  });
  expect(told).toContain('there is no Service default/nothing');
  expect(told).toContain('Secret default/nothing: there is none; the default certificate is shown');
  // What a name of the cluster stands for is asked of the cluster's own DNS.
  await everywhere(async (board) => {
    const world = await ask(at(board, 'web.example'), '/world');
    return expect([world.status, world.body.trim()]).toEqual([404, 'not found']) ?? true;
  });
});

it('says who asked, speaks HTTP/2 over TLS, and lets WebSockets through', async () => {
  await everywhere(async (board) => {
    const { headers } = JSON.parse(await body(board, '/machine')) as Asked;
    expect(headers).toMatchObject({
      'x-forwarded-for': cluster().lan.hostIp,
      'x-forwarded-proto': 'http',
      'x-forwarded-host': 'web.example',
      'x-forwarded-port': '80',
    });
    const h2 = await askH2(atTls(board, 'web.example'), '/machine');
    expect((JSON.parse(h2.body) as Asked).headers).toMatchObject({ 'x-forwarded-proto': 'https' });
    const socket = await openWebSocket(at(board, 'web.example'), '/machine');
    expect(await echo(socket, 'ahoy')).toBe('ahoy');
    socket.destroy();
    return true;
  });
});

it('loses no request through a rollout and a renewed certificate', async () => {
  const loads = cluster().boards.map((board) => startLoad(at(board, 'web.example'), '/', 4));
  await cluster().kubectl.ok('set image deployment/web hello=coracle.local/hello:2');
  await apply(cluster(), aPair('pair', 'second'));
  await cluster().kubectl.ok('rollout status deployment/web --timeout=60s', { timeoutMs: 90_000 });
  await everywhere(async (board) => (await shown(board)) === 'second');
  await eventually(async () => (await body(cluster().boards[0] as Board)).includes('version 2'));
  for (const { failures, answered, bodies } of await Promise.all(loads.map((load) => load.stop()))) {
    expect(failures).toEqual([]);
    expect(answered).toBeGreaterThan(100);
    expect([...bodies].some((text) => text.includes('version 1'))).toBe(true);
  }
});

it('goes to boards that are to serve, with the keys that it needs, and to no other', async () => {
  const [first, second] = cluster().boards as [Board, Board];
  await cluster().kubectl.ok(`label node ${second.name} coracle.dev/ingress=false`);
  await eventually(async () => {
    const table = await cluster().kubectl.ok('get ingress web --no-headers');
    return table.includes(first.ip) && !table.includes(second.ip);
  });
  // It is told first, then the proxy ends.
  await eventually(() =>
    expect(body(second))
      .rejects.toThrow(/ECONNREFUSED/)
      .then(() => true),
  );
  await eventually(async () =>
    expect((await second.exec('cat /var/lib/coracle/agent/desired/journal')).stdout).toContain(
      '{"plural":"secrets","key":"default/pair"}',
    ),
  );
  await cluster().kubectl.ok(`label node ${second.name} coracle.dev/ingress-`);
  await everywhere((board) => body(board));
});

it('serves on without the server, also after a power cut', async () => {
  const [first, second] = cluster().boards as [Board, Board];
  await cluster().server.stop();
  await everywhere((board) => body(board));
  await first.powerCut();
  await first.boot();
  await everywhere(async (board) => (await body(board)) && (await shown(board)) === 'second');
  // A proxy that dies is back before anybody looks.
  await second.exec('pkill -KILL -o haproxy');
  await everywhere(async (board) => (await body(board)) && (await shown(board)) === 'second');
  await cluster().server.start();
  await cluster().nodesReady();
});

it('ends with the last Ingress, and says on the next one what keeps a board from serving it', async () => {
  const [first, second] = cluster().boards as [Board, Board];
  await cluster().kubectl.ok('delete ingress web');
  await everywhere(async (board) => (await board.exec('pgrep -c haproxy')).stdout.trim() === '0');
  await eventually(async () => {
    const { status } = await cluster().kubectl.json<Node>(`get node ${first.name}`);
    return status?.conditions?.find(({ type }) => type === 'IngressReady')?.reason === 'NoIngress';
  });
  await first.exec('for p in 80 443; do setsid busybox httpd -p $p -h /run </dev/null >/dev/null 2>&1; done');
  await apply(
    cluster(),
    anIngress('web', { rules: [{ host: 'web.example', http: { paths: [to('web')] } }] }),
  );
  await eventually(async () =>
    (await events()).includes(`${first.name} does not serve it: other programs have the ports`),
  );
  await eventually(async () => {
    const table = await cluster().kubectl.ok('get ingress web --no-headers');
    return table.includes(second.ip) && !table.includes(first.ip);
  });
});
