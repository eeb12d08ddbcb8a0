/** What extends the API from a board: webhooks and proxied paths reach it over its link, whatever network the server has. */
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { selfSigned } from '#server/apiserver/testing/self-signed.ts';
import { eventually } from '../support/boards/eventually.ts';
import { Api, credentialsOf } from '../support/cluster/api.ts';
import { apply, helloDeployment, shellPod } from '../support/cluster/manifests.ts';
import { useCluster } from '../support/cluster/use-cluster.ts';
import { echo, openWebSocket } from '../support/http/client.ts';
import type { Asked } from '../support/http/origin.ts';

const cluster = useCluster({ boards: 1 });
const kubectl = () => cluster().kubectl;
const PORT = 9443;
const ORIGIN_PORT = 18_080;
const { cert, key, ca } = selfSigned(['hook.default.svc']);
const LOG = '/var/log/pods/webhook.log';

const aWebhook = (name: string, path: string, rule: object, more: object = {}) => ({
  name: `${name}.example.com`,
  clientConfig: {
    service: { namespace: 'default', name: 'hook', path },
    caBundle: Buffer.from(ca).toString('base64'),
  },
  rules: [{ apiGroups: ['*'], apiVersions: ['*'], ...rule }],
  objectSelector: { matchExpressions: [{ key: 'exempt', operator: 'DoesNotExist' }] },
  sideEffects: 'None',
  admissionReviewVersions: ['v1'],
  ...more,
});

const configuration = (kind: 'Mutating' | 'Validating', ...webhooks: object[]) => ({
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: `${kind}WebhookConfiguration`,
  metadata: { name: 'boat' },
  webhooks,
});

/** A program on the board, behind a Service whose endpoint names the board. */
beforeAll(async () => {
  const [board] = cluster().boards;
  if (!board) throw new Error('there is no board');
  const script = join(import.meta.dirname, '../support/cluster/webhook-server.ts');
  const environment = ['env', `PORT=${PORT}`, `CERT=${cert}`, `KEY=${key}`];
  const quoted = [...environment, process.execPath, script].map((word) => `'${word}'`).join(' ');
  await board.exec(`setsid ${quoted} >${LOG} 2>&1 </dev/null &`);
  await eventually(async () => expect((await board.exec(`cat ${LOG}`)).stdout).toContain('listening'));
  await apply(
    cluster(),
    { apiVersion: 'v1', kind: 'Service', metadata: { name: 'hook' }, spec: { ports: [{ port: 443 }] } },
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: 'hook-1', labels: { 'kubernetes.io/service-name': 'hook' } },
      addressType: 'IPv4',
      ports: [{ name: '', port: PORT }],
      endpoints: [{ addresses: [board.ip], nodeName: board.name }],
    },
    helloDeployment('web', 1),
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web' },
      spec: { selector: { app: 'web' }, ports: [{ name: 'http', port: 80, targetPort: 8080 }] },
    },
    shellPod('shell'),
  );
  await cluster().readyPods('app=web', 1);
  await cluster().readyPods('app=shell', 1);
});

it('lets a webhook on a board change and refuse what is written', async () => {
  const create = { operations: ['CREATE'], resources: ['configmaps'] };
  const connect = { operations: ['CONNECT'], resources: ['pods/exec', 'pods/attach'] };
  await apply(
    cluster(),
    configuration('Mutating', aWebhook('label', '/mutate', create)),
    configuration(
      'Validating',
      aWebhook('deny', '/deny', { operations: ['DELETE'], resources: ['configmaps'] }),
      aWebhook('connect', '/deny', connect, { objectSelector: {} }),
    ),
  );
  await kubectl().ok('create configmap cargo --from-literal=a=b');
  const cargo = await kubectl().json<{ metadata: { labels: object } }>('get configmap cargo');
  expect(cargo.metadata.labels).toEqual({ seen: 'yes' });
  const denied = await kubectl().run('delete configmap cargo');
  expect(denied.stderr).toContain(
    'admission webhook "deny.example.com" denied the request: not on this boat',
  );
  for (const command of ['exec shell -- true', 'attach shell']) {
    const { code, stderr } = await kubectl().run(command);
    expect(code).not.toBe(0);
    expect(stderr).toContain('not on this boat');
  }
  await kubectl().ok('delete mutatingwebhookconfiguration/boat validatingwebhookconfiguration/boat');
  await kubectl().ok('delete configmap cargo');
  await kubectl().ok('exec shell -- true');
});

it('says what is wrong where no webhook answers, and goes on where that is no matter', async () => {
  const rule = { operations: ['CREATE'], resources: ['configmaps'] };
  const service = { namespace: 'default', name: 'hook', path: '/mutate', port: 444 };
  const gone = { clientConfig: { service } };
  await apply(cluster(), configuration('Mutating', aWebhook('gone', '/', rule, gone)));
  const failed = await kubectl().run('create configmap cargo');
  expect(failed.stderr).toContain(
    'failed calling webhook "gone.example.com": failed to call webhook: Post "https://hook.default.svc:444/mutate?timeout=10s": no service port 444 found for service "hook"',
  );
  const ignored = aWebhook('gone', '/', rule, { ...gone, failurePolicy: 'Ignore' });
  await apply(cluster(), configuration('Mutating', ignored));
  await kubectl().ok('create configmap cargo');
  await kubectl().ok('delete mutatingwebhookconfiguration/boat configmap/cargo');
});

it('proxies to Services, Pods and nodes', async () => {
  const raw = (path: string) => kubectl().ok(['get', '--raw', path]);
  const [pod] = await cluster().readyPods('app=web', 1);
  const name = pod?.metadata.name ?? '';
  const base = '/api/v1/namespaces/default';
  for (const path of [
    `${base}/services/web:http/proxy/`,
    `${base}/services/http:web:80/proxy/`,
    `${base}/pods/${name}/proxy/`,
    `${base}/pods/${name}:8080/proxy/`,
  ])
    await eventually(async () => expect(await raw(path)).toContain(name));
  expect(await raw(`${base}/services/web:http/proxy/healthz`)).toContain('ok');
  const node = '/api/v1/nodes/board-1/proxy';
  expect(await raw(`${node}/healthz`)).toBe('ok');
  expect(await raw(`${node}/logs/`)).toContain('<a href="pods/">');
  const list = JSON.parse(await raw(`${node}/pods`)) as { items: { status?: { phase: string } }[] };
  expect(list.items.map(({ status }) => status?.phase)).toEqual(['Running', 'Running']);
  const refused = await kubectl().run(['get', '--raw', `${base}/pods/${name}:81/proxy/`]);
  expect(refused.stderr).toMatch(
    /error trying to reach service: dial tcp [\d.]+:81: connect: connection refused/,
  );
});

it('proxies every method, bodies and WebSockets through the link of a board', async () => {
  const { url, kubeconfig, lan } = cluster();
  const [board] = cluster().boards;
  // In the board's own network, so that a program beside the Pod is at the Pod's address.
  await apply(cluster(), shellPod('deck', undefined, {}, { hostNetwork: true }));
  const script = join(import.meta.dirname, '../support/http/origin-on-board.ts');
  await board?.exec(
    `PORT=${ORIGIN_PORT} setsid '${process.execPath}' '${script}' </dev/null >/dev/null 2>&1 &`,
  );
  await cluster().readyPods('app=deck', 1);

  const credentials = credentialsOf(kubeconfig);
  const api = new Api(url, credentials);
  const path = `/api/v1/namespaces/default/pods/deck:${ORIGIN_PORT}/proxy/some/path?query=1`;
  await eventually(async () => (await api.send('GET', path)).status === 200);
  for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
    const sent = method === 'GET' || method === 'OPTIONS' ? {} : { body: 'cargo', contentType: 'text/plain' };
    const answer = await api.send(method, path, sent);
    expect(answer.status, answer.text).toBe(200);
    expect(answer.json<Asked>()).toMatchObject({ method, url: '/some/path?query=1', body: sent.body ?? '' });
  }
  const head = await api.send('HEAD', path);
  expect([head.status, head.text]).toEqual([200, '']);
  const at = { ip: lan.hostIp, port: Number(new URL(url).port), host: new URL(url).host };
  const socket = await openWebSocket(at, path, credentials);
  for (const words of ['ahoy', 'x'.repeat(100_000)]) expect(await echo(socket, words)).toBe(words);
  socket.destroy();
  api.close();
});
