/** Whatever a client sends, it gets the code and reason that Kubernetes gives, and the server lives on. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Api, credentialsOf } from '../support/cluster/api.ts';
import { useCluster } from '../support/cluster/use-cluster.ts';

const cluster = useCluster({ boards: 0 });
const CONFIGMAPS = '/api/v1/namespaces/default/configmaps';
let api: Api;
let pid: number | undefined;

beforeAll(() => {
  api = new Api(cluster().url, credentialsOf(cluster().kubeconfig));
  pid = cluster().server.pid();
});
afterAll(() => api?.close());

const configMap = (name: string, more: object = {}) =>
  JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, ...more });

const cases = [
  { what: 'JSON that breaks off', body: '{"apiVersion":"v1","kind":', code: 400, reason: 'BadRequest' },
  { what: 'YAML that is none', body: 'a: [', type: 'application/yaml', code: 400, reason: 'BadRequest' },
  {
    what: 'protobuf without its magic number',
    body: 'nonsense',
    type: 'application/vnd.kubernetes.protobuf',
    code: 400,
    reason: 'BadRequest',
  },
  {
    what: 'protobuf that breaks off',
    body: new Uint8Array([0x6b, 0x38, 0x73, 0x00, 0x0a, 0xff]),
    type: 'application/vnd.kubernetes.protobuf',
    code: 400,
    reason: 'BadRequest',
  },
  {
    what: 'a body of unknown type',
    body: 'x',
    type: 'text/plain',
    code: 415,
    reason: 'UnsupportedMediaType',
  },
  {
    what: 'another kind than the path says',
    body: configMap('x').replace('ConfigMap', 'Secret'),
    code: 400,
    reason: 'BadRequest',
  },
  {
    what: 'an unknown field under strict validation',
    path: `${CONFIGMAPS}?fieldValidation=Strict`,
    body: configMap('x', { dat: {} }),
    code: 400,
    reason: 'BadRequest',
  },
  { what: 'a wrong type', body: configMap('x', { data: { a: 1 } }), code: 400, reason: 'BadRequest' },
  { what: 'a name that is too long', body: configMap('x'.repeat(254)), code: 422, reason: 'Invalid' },
  { what: 'a name in upper case', body: configMap('Upper'), code: 422, reason: 'Invalid' },
  {
    what: 'a body of 10 MB',
    body: configMap('x', { data: { a: 'x'.repeat(10_000_000) } }),
    code: 413,
    reason: 'RequestEntityTooLarge',
  },
] as const;

it.each(cases)('$what: $code $reason', async (row) => {
  const answer = await api
    .send('POST', 'path' in row ? row.path : CONFIGMAPS, {
      body: row.body,
      ...('type' in row ? { contentType: row.type } : {}),
    })
    // A server may close before it read all of a body that is too large.
    .catch(async (err: NodeJS.ErrnoException) => {
      if (row.code === 413 && (err.code === 'EPIPE' || err.code === 'ECONNRESET')) return undefined;
      throw err;
    });
  if (!answer) return;
  expect([answer.status, answer.json().reason]).toEqual([row.code, row.reason]);
  expect(answer.json<{ kind: string }>().kind).toBe('Status');
});

it('names what is not there', async () => {
  const answer = await api.send('GET', `${CONFIGMAPS}/missing`);
  expect([answer.status, answer.json().message]).toEqual([404, 'configmaps "missing" not found']);
});

it('turns away who it does not know', async () => {
  const { ca } = credentialsOf(cluster().kubeconfig);
  for (const token of [undefined, 'made.up.token']) {
    const stranger = new Api(cluster().url, token === undefined ? { ca } : { ca, token });
    const answer = await stranger.send('GET', CONFIGMAPS);
    stranger.close();
    expect([answer.status, answer.json().reason]).toEqual([401, 'Unauthorized']);
  }
});

it('turns away a token that expired', async () => {
  const { ca } = credentialsOf(cluster().kubeconfig);
  // The shortest that may be asked for is ten minutes, so this one is forged: right form, long past, wrong key.
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const expired = `${part({ alg: 'ES256' })}.${part({ exp: 1, sub: 'system:serviceaccount:default:default' })}.AAAA`;
  const stranger = new Api(cluster().url, { ca, token: expired });
  expect((await stranger.send('GET', CONFIGMAPS)).status).toBe(401);
  stranger.close();
});

it('turns away a certificate of another authority', async () => {
  const { ca } = credentialsOf(cluster().kubeconfig);
  const directory = mkdtempSync(join(tmpdir(), 'coracle-story-'));
  execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1'],
      ...[
        '-subj',
        '/O=system:masters/CN=mallory',
        '-keyout',
        `${directory}/key`,
        '-out',
        `${directory}/cert`,
      ],
    ],
    { stdio: 'ignore' },
  );
  const [cert, key] = ['cert', 'key'].map((name) => readFileSync(join(directory, name), 'utf8'));
  rmSync(directory, { recursive: true });
  const stranger = new Api(cluster().url, { ca, cert: cert ?? '', key: key ?? '' });
  const status = await stranger.send('GET', CONFIGMAPS).then(
    (answer) => answer.status,
    () => 401, // refused already in the handshake
  );
  stranger.close();
  expect(status).toBe(401);
});

it('lives on', async () => {
  await sleep(100);
  expect(cluster().server.pid()).toBe(pid);
  expect((await api.send('POST', CONFIGMAPS, { body: configMap('after') })).status).toBe(201);
});
