import { beforeEach, describe, expect, it } from 'vitest';
import { nodes } from '#proto/api/core/nodes.ts';
import { pods } from '#proto/api/core/pods.ts';
import { secrets } from '#proto/api/core/secrets.ts';
import { serviceaccounts } from '#proto/api/core/serviceaccounts.ts';
import { FakeClock } from '#proto/meta/clock.ts';
import { createCa, issueCertificate } from '#proto/pki/certificate.ts';
import { generateKey, spkiOf } from '#proto/pki/key.ts';
import type { TokenRequestSpec } from '#proto/schema/generated/authentication-v1.ts';
import type { Node, Pod, ServiceAccount } from '#proto/schema/generated/core-v1.ts';
import { keyHash } from '#server/nodes/node-identities.ts';
import { tokenSecretOf } from '#server/tokens/token-secret.ts';
import { BootstrapTokenAuthenticator } from './bootstrap-token.ts';
import { ClientCertificateAuthenticator } from './client-certificate.ts';
import { aCluster } from './fixtures.ts';
import { decodeJwt, signJwt } from './jwt.ts';
import { reviewToken } from './reviews.ts';
import { ServiceAccountTokens } from './service-account-tokens.ts';
import { issueServiceAccountToken } from './token-request.ts';

function aNodeCertificate(name: string) {
  const ca = generateKey();
  const spki = spkiOf(generateKey());
  const validity = { notBeforeMs: 0, notAfterMs: 4e12 };
  const certificate = issueCertificate(
    { certificate: createCa({ commonName: 'ca', key: ca, ...validity }), key: ca },
    { subject: { commonName: `system:node:${name}` }, spki, usages: ['client'], ...validity },
  );
  return { certificate, spki };
}

const ISSUER = 'https://kubernetes.default.svc.cluster.local';
const account: ServiceAccount = { metadata: { name: 'web', namespace: 'shop', uid: 'sa-1' } };
const pod: Pod = {
  metadata: { name: 'web-0', namespace: 'shop', uid: 'pod-1' },
  spec: { containers: [], serviceAccountName: 'web', nodeName: 'pi' },
};
const node: Node = { metadata: { name: 'pi', uid: 'node-1' }, spec: {} };
const key = generateKey();
const bearer = (token: string) => ({ authorization: `Bearer ${token}`, socket: undefined });
const unauthorized = expect.objectContaining({ code: 401, message: 'Unauthorized' });

let cluster: ReturnType<typeof aCluster>;
let clock: FakeClock;
let tokens: ServiceAccountTokens;
const request = (spec: Partial<TokenRequestSpec> = {}) =>
  issueServiceAccountToken(
    { tokens, reader: cluster.reader },
    { metadata: {}, spec: { audiences: [], ...spec } },
    account,
    async () => {},
  );
const tokenOf = async (spec: Partial<TokenRequestSpec> = {}): Promise<string> =>
  (await request(spec)).status?.token ?? '';

beforeEach(async () => {
  clock = new FakeClock();
  cluster = aCluster();
  tokens = new ServiceAccountTokens({ key, issuer: ISSUER, reader: cluster.reader, clock });
  await cluster.put(serviceaccounts, account);
  await cluster.put(pods, pod);
  await cluster.put(nodes, node);
});

const boundToPod = { boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: 'web-0', uid: 'pod-1' } };

describe('service-account tokens', () => {
  it('say who, in which groups, on what', async () => {
    const user = await tokens.authenticate(bearer(await tokenOf(boundToPod)));
    expect(user).toMatchObject({
      name: 'system:serviceaccount:shop:web',
      uid: 'sa-1',
      groups: ['system:serviceaccounts', 'system:serviceaccounts:shop', 'system:authenticated'],
      extra: {
        'authentication.kubernetes.io/pod-name': ['web-0'],
        'authentication.kubernetes.io/pod-uid': ['pod-1'],
        'authentication.kubernetes.io/node-name': ['pi'],
        'authentication.kubernetes.io/node-uid': ['node-1'],
      },
    });
    expect(user?.extra?.['authentication.kubernetes.io/credential-id']?.[0]).toMatch(/^JTI=/);
  });

  it('end with their time', async () => {
    const token = await tokenOf({ expirationSeconds: 600 });
    await clock.advance(599_000);
    await expect(tokens.authenticate(bearer(token))).resolves.toBeDefined();
    await clock.advance(1_000);
    await expect(tokens.authenticate(bearer(token))).rejects.toEqual(unauthorized);
  });

  it('bear a clock that was set back a little, not more', async () => {
    const token = await tokenOf();
    clock = new FakeClock(clock.now() - 30_000);
    const checkAt = (at: FakeClock) =>
      new ServiceAccountTokens({ key, issuer: ISSUER, reader: cluster.reader, clock: at }).authenticate(
        bearer(token),
      );
    await expect(checkAt(clock)).resolves.toBeDefined();
    await expect(checkAt(new FakeClock(clock.now() - 60_000))).rejects.toEqual(unauthorized);
  });

  it.each<[string, () => Promise<unknown>]>([
    ['the pod is gone', () => cluster.remove(pods, pod)],
    [
      'another pod has its name',
      () => cluster.put(pods, { ...pod, metadata: { ...pod.metadata, uid: 'x' } }),
    ],
    ['the account is gone', () => cluster.remove(serviceaccounts, account)],
    [
      'the account was made anew',
      () => cluster.put(serviceaccounts, { metadata: { ...account.metadata, uid: 'sa-2' } }),
    ],
  ])('are over when %s', async (_, happen) => {
    const token = await tokenOf(boundToPod);
    await happen();
    await expect(tokens.authenticate(bearer(token))).rejects.toEqual(unauthorized);
  });

  it('are over while the node of their pod is shut out', async () => {
    const out = new Set<string>();
    const isRevoked = (name: string) => out.has(name);
    const reader = cluster.reader;
    tokens = new ServiceAccountTokens({ key, issuer: ISSUER, reader, nodes: { isRevoked }, clock });
    const [bound, free] = [await tokenOf(boundToPod), await tokenOf()];
    out.add('pi');
    await expect(tokens.authenticate(bearer(bound))).rejects.toEqual(unauthorized);
    await expect(tokens.authenticate(bearer(free))).resolves.toBeDefined();
    out.delete('pi');
    await expect(tokens.authenticate(bearer(bound))).resolves.toBeDefined();
  });

  it('are for their audience alone', async () => {
    const token = await tokenOf({ audiences: ['vault'] });
    await expect(tokens.authenticate(bearer(token))).rejects.toEqual(unauthorized);
    expect(tokens.check(token, ['vault', 'other']).audiences).toEqual(['vault']);
  });

  it('of other keys, algorithms and shapes are refused; those of other issuers are not ours', async () => {
    const claims = decodeJwt(await tokenOf()) ?? {};
    const forged = signJwt(generateKey(), 'x', claims);
    await expect(tokens.authenticate(bearer(forged))).rejects.toEqual(unauthorized);
    const [, body] = (await tokenOf()).split('.');
    const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${body}.`;
    await expect(tokens.authenticate(bearer(none))).rejects.toEqual(unauthorized);
    for (const [field, value] of Object.entries({ exp: 'x', sub: 1, aud: [1], 'kubernetes.io': [] })) {
      const odd = signJwt(key, 'x', { ...claims, [field]: value });
      await expect(tokens.authenticate(bearer(odd)), field).rejects.toEqual(unauthorized);
    }
    const { exp: _, ...endless } = claims;
    await expect(tokens.authenticate(bearer(signJwt(key, 'x', endless)))).rejects.toEqual(unauthorized);
    const foreign = signJwt(key, 'x', { ...claims, iss: 'https://elsewhere' });
    await expect(tokens.authenticate(bearer(foreign))).resolves.toBeUndefined();
    for (const odd of ['', '.', '..', 'a.b.c', 'x'.repeat(20_000)])
      await expect(tokens.authenticate(bearer(odd))).resolves.toBeUndefined();
  });

  it.each<[string, Partial<TokenRequestSpec>, object]>([
    ['too short', { expirationSeconds: 60 }, { code: 422 }],
    ['of a pod that is not there', { boundObjectRef: { kind: 'Pod', name: 'no' } }, { code: 404 }],
    ['of another uid', { boundObjectRef: { kind: 'Pod', name: 'web-0', uid: 'no' } }, { code: 409 }],
    ['of a kind that binds nothing', { boundObjectRef: { kind: 'ConfigMap', name: 'x' } }, { code: 400 }],
  ])('%s are not issued', (_, spec, error) => expect(request(spec)).rejects.toMatchObject(error));

  it('of a projected volume last a year, and their use after an hour is noted', async () => {
    const { status } = await request({ ...boundToPod, expirationSeconds: 3607 });
    const now = clock.now();
    expect(Date.parse(status?.expirationTimestamp ?? '')).toBe(now + 3_607_000);
    expect(decodeJwt(status?.token ?? '')).toMatchObject({
      exp: now / 1000 + 365 * 86_400,
      'kubernetes.io': { warnafter: now / 1000 + 3607 },
    });
    const other = await tokenOf({ ...boundToPod, expirationSeconds: 3607, audiences: ['vault'] });
    expect(decodeJwt(other)?.['exp']).toBe(now / 1000 + 3607);
  });
});

describe('bootstrap tokens', () => {
  const stored = {
    token: { id: 'abcdef', secret: '0123456789abcdef' },
    description: '',
    expiresMs: Date.UTC(2026, 0, 2) as number | undefined,
    usages: ['authentication'] as const,
    groups: ['system:bootstrappers', 'system:bootstrappers:x'],
  };

  it.each<[string, Partial<typeof stored>, string, boolean]>([
    ['one that holds', {}, 'abcdef.0123456789abcdef', true],
    ['a wrong secret', {}, 'abcdef.0123456789abcdee', false],
    ['an unknown one', {}, 'aaaaaa.0123456789abcdef', false],
    ['one that is over', { expiresMs: Date.UTC(2026, 0, 1) }, 'abcdef.0123456789abcdef', false],
    ['one that never ends', { expiresMs: undefined }, 'abcdef.0123456789abcdef', true],
    ['one for signing', { usages: [] as never }, 'abcdef.0123456789abcdef', false],
  ])('%s', async (_, change, text, good) => {
    await cluster.put(secrets, tokenSecretOf({ ...stored, ...change }));
    const result = new BootstrapTokenAuthenticator(cluster.reader, clock).authenticate(bearer(text));
    if (good) {
      await expect(result).resolves.toEqual({
        name: 'system:bootstrap:abcdef',
        groups: ['system:bootstrappers', 'system:bootstrappers:x', 'system:authenticated'],
      });
    } else await expect(result).rejects.toEqual(unauthorized);
  });
});

describe('client certificates', () => {
  const socket = (authorized: boolean, CN: unknown, usages?: string[]) =>
    ({
      authorized,
      getPeerCertificate: () => ({
        raw: Buffer.alloc(1),
        subject: { CN, O: ['a', 'b'] },
        ext_key_usage: usages,
      }),
    }) as never;
  const check = (s: never) =>
    new ClientCertificateAuthenticator().authenticate({ authorization: undefined, socket: s });

  it('are users and groups', async () => {
    await expect(check(socket(true, 'jane'))).resolves.toEqual({
      name: 'jane',
      groups: ['a', 'b', 'system:authenticated'],
      extra: {
        'authentication.kubernetes.io/credential-id': [
          expect.stringMatching(/^X509SHA256=6e340b9cffb37a989ca544e6bb780a2c/),
        ],
      },
    });
    await expect(check(socket(false, 'jane'))).resolves.toBeUndefined();
    await expect(check(socket(true, ['jane', 'root']))).rejects.toEqual(unauthorized);
    await expect(check(socket(true, 'jane', ['1.3.6.1.5.5.7.3.1']))).rejects.toEqual(unauthorized);
  });

  it('of a node hold while its key does, also on a connection that is open', async () => {
    const { certificate, spki } = aNodeCertificate('pi');
    const refused = new Set<string>();
    const gate = {
      refusal: (name: string, of: string) =>
        refused.has(name) ? `${name} ${of === keyHash(spki) ? 'is out' : 'has another key'}` : undefined,
      isRevoked: () => false,
    };
    const authenticator = new ClientCertificateAuthenticator(gate);
    const subject = { CN: 'system:node:pi', O: ['system:nodes'] };
    const socket = { authorized: true, getPeerCertificate: () => ({ raw: certificate, subject }) } as never;
    const check = () => authenticator.authenticate({ authorization: undefined, socket });
    await expect(check()).resolves.toMatchObject({ name: 'system:node:pi' });
    refused.add('pi');
    await expect(check()).rejects.toEqual(unauthorized);
    refused.clear();
    await expect(check()).resolves.toBeDefined();
  });

  it('are read once a connection', async () => {
    const authenticator = new ClientCertificateAuthenticator();
    let reads = 0;
    const connection = (CN: string) =>
      ({
        authorized: true,
        getPeerCertificate: () => {
          reads++;
          return { raw: Buffer.alloc(1), subject: { CN } };
        },
      }) as never;
    const [jane, joe] = [connection('jane'), connection('joe')];
    for (const [socket, name] of [
      [jane, 'jane'],
      [joe, 'joe'],
      [jane, 'jane'],
    ] as const) {
      await expect(authenticator.authenticate({ authorization: undefined, socket })).resolves.toMatchObject({
        name,
      });
    }
    expect(reads).toBe(2);
  });
});

it('reviews tokens without failing on bad ones', async () => {
  const deps = { tokens, bootstrap: new BootstrapTokenAuthenticator(cluster.reader, clock) };
  const review = async (token: string) => (await reviewToken(deps, { metadata: {}, spec: { token } })).status;
  expect(await review(await tokenOf())).toMatchObject({
    authenticated: true,
    user: { username: 'system:serviceaccount:shop:web' },
    audiences: [ISSUER],
  });
  expect(await review('nonsense')).toEqual({ authenticated: false, error: 'invalid bearer token' });
});
