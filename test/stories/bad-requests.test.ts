/** Whatever a client sends, it gets the code, reason and words that Kubernetes gives, and the server lives on. */
import { execFileSync } from 'node:child_process';
import { sign } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Api, type ApiCredentials, credentialsOf } from '../support/cluster/api.ts';
import { useCluster } from '../support/cluster/use-cluster.ts';
import { badRequests, CONFIGMAPS, configMap } from './bad-requests.table.ts';

const cluster = useCluster({ boards: 0 });
const directory = mkdtempSync(join(tmpdir(), 'coracle-story-'));
let api: Api;
let pid: number | undefined;

beforeAll(async () => {
  api = new Api(cluster().url, credentialsOf(cluster().kubeconfig));
  pid = cluster().server.pid();
  expect((await api.send('POST', CONFIGMAPS, { body: configMap('there') })).status).toBe(201);
});
afterAll(() => {
  api?.close();
  rmSync(directory, { recursive: true });
});

describe('a request', () => {
  it.each(badRequests)('of $what: $code $reason', async (row) => {
    const { method = 'POST', path = CONFIGMAPS, body, type } = row;
    const answer = await api.send(method, path, {
      ...(body === undefined ? {} : { body }),
      ...(type === 'accept' ? { headers: { accept: 'application/xml' } } : {}),
      ...(type && type !== 'accept' ? { contentType: type } : {}),
    });
    const status = answer.json<Record<string, unknown>>();
    expect([answer.status, status['reason'], status['message']]).toEqual([
      row.code,
      row.reason,
      expect.stringMatching(row.says),
    ]);
    expect(status).toMatchObject({ kind: 'Status', apiVersion: 'v1', status: 'Failure', code: row.code });
  });

  it('of unknown fields by default: done, with a warning', async () => {
    const path = `${CONFIGMAPS}?dryRun=All`;
    const answer = await api.send('POST', path, { body: configMap('warned', { dat: {} }) });
    expect([answer.status, answer.headers['warning']]).toEqual([201, '299 - "unknown field \\"dat\\""']);
  });

  it('of 10 MB with kubectl, which speaks HTTP/2: 413', async () => {
    const file = join(directory, 'big');
    writeFileSync(file, 'x'.repeat(10_000_000));
    const { code, stderr } = await cluster().kubectl.run([
      'create',
      'configmap',
      'big',
      `--from-file=${file}`,
    ]);
    expect([code, stderr]).toEqual([
      1,
      expect.stringContaining('Request entity too large: limit is 3145728'),
    ]);
  });

  it('that is no HTTP at all: 400, and no more', async () => {
    const { hostname, port } = new URL(cluster().url);
    const { ca } = credentialsOf(cluster().kubeconfig);
    const socket = connect({ host: hostname, port: Number(port), ca, ALPNProtocols: ['http/1.1'] });
    let answer = '';
    socket.setEncoding('utf8').on('data', (text: string) => {
      answer += text;
    });
    socket.end('GARBAGE\r\n\r\n');
    await once(socket, 'close');
    expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
  });
});

describe('a stranger', () => {
  /** The answer to a request with these credentials alone. */
  async function asks(credentials: Partial<ApiCredentials>) {
    const { ca } = credentialsOf(cluster().kubeconfig);
    const stranger = new Api(cluster().url, { ca, ...credentials });
    const answer = await stranger.send('GET', CONFIGMAPS);
    stranger.close();
    return [answer.status, answer.json().reason, answer.json().message];
  }
  const UNAUTHORIZED = [401, 'Unauthorized', 'Unauthorized'];

  it('without a credential, or with a made up one', async () => {
    expect(await asks({})).toEqual(UNAUTHORIZED);
    expect(await asks({ token: 'made.up.token' })).toEqual(UNAUTHORIZED);
  });

  it("with a token that expired, signed with the cluster's own key", async () => {
    const token = (await cluster().kubectl.ok('create token default')).trim();
    const [header = '', payload = ''] = token.split('.');
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
    const key = readFileSync(join(cluster().lan.directory, 'server/server/pki/service-account.key'), 'utf8');
    const signed = (changes: object) => {
      const content = `${header}.${Buffer.from(JSON.stringify({ ...claims, ...changes })).toString('base64url')}`;
      const signature = sign('sha256', Buffer.from(content), { key, dsaEncoding: 'ieee-p1363' });
      return `${content}.${signature.toString('base64url')}`;
    };
    // Known, and not allowed to do this: what is said of the next one is said of its time alone.
    expect(await asks({ token: signed({}) })).toEqual([
      403,
      'Forbidden',
      expect.stringContaining('configmaps'),
    ]);
    const past = { iat: claims.iat - 7200, nbf: claims.iat - 7200, exp: claims.iat - 3600 };
    expect(await asks({ token: signed(past) })).toEqual(UNAUTHORIZED);
    expect(await asks({ token: `${token.slice(0, -8)}AAAAAAAA` })).toEqual(UNAUTHORIZED);
  });

  it('with a certificate of another authority', async () => {
    const [key, cert] = ['key', 'cert'].map((name) => join(directory, name));
    const self = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -keyout ${key} -out ${cert}`;
    const subject = ['-subj', '/O=system:masters/CN=kubernetes-admin'];
    execFileSync('openssl', [...self.split(' '), ...subject], { stdio: 'ignore' });
    const own = { cert: readFileSync(cert ?? '', 'utf8'), key: readFileSync(key ?? '', 'utf8') };
    expect(await asks(own)).toEqual(UNAUTHORIZED);
  });
});

it('the server lives on', async () => {
  expect(cluster().server.pid()).toBe(pid);
  expect(cluster().server.log()).not.toMatch(/ error /);
  expect((await api.send('POST', CONFIGMAPS, { body: configMap('after') })).status).toBe(201);
  expect(await cluster().kubectl.ok('get configmap there after -o name')).toBe(
    'configmap/there\nconfigmap/after\n',
  );
});
