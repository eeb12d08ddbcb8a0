import { constants, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FakeClock } from '#proto/meta/clock.ts';
import { silent } from '#proto/meta/log.ts';
import { type OidcOptions, oidcUser } from '#server/apiserver/authn/oidc/oidc-claims.plan.ts';
import { openOidc } from '#server/apiserver/authn/oidc/open-oidc.ts';
import { selfSigned } from '#server/apiserver/testing/self-signed.ts';

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const folder = mkdtempSync(join(tmpdir(), 'coracle-oidc-'));
const caFile = join(folder, 'ca.pem');

/** An issuer as small as one can be. */
let server: Server;
let issuer = '';
let published: { kid: string; key: KeyObject }[] = [];
let asked: string[] = [];
beforeAll(async () => {
  const { cert, key, ca } = selfSigned();
  writeFileSync(caFile, ca);
  server = createServer({ cert, key }, (request, response) => {
    asked.push(request.url ?? '');
    const keys = published.map(({ kid, key: k }) => ({
      ...createPublicKey(k).export({ format: 'jwk' }),
      kid,
      use: 'sig',
    }));
    const body = request.url?.endsWith('jwks') ? { keys } : { issuer, jwks_uri: `${issuer}/jwks` };
    response.end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  issuer = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

let clock: FakeClock;
beforeEach(() => {
  clock = new FakeClock();
  published = [{ kid: 'rsa', key: rsa }];
  asked = [];
});

const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
function token(claims: object = {}, alg = 'RS256', kid: string | undefined = 'rsa', key = rsa): string {
  const all = { iss: issuer, aud: 'kubectl', exp: clock.now() / 1000 + 60, sub: 'jane', ...claims };
  const content = `${part({ alg, ...(kid ? { kid } : {}) })}.${part(all)}`;
  const options = alg.startsWith('ES')
    ? { dsaEncoding: 'ieee-p1363' as const }
    : alg.startsWith('PS')
      ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }
      : {};
  return `${content}.${sign('sha256', Buffer.from(content), { key, ...options }).toString('base64url')}`;
}

const open = (over: object = {}) =>
  openOidc(
    {
      issuer,
      clientId: 'kubectl',
      usernameClaim: 'sub',
      usernamePrefix: undefined,
      groupsClaim: 'groups',
      groupsPrefix: 'oidc:',
      requiredClaims: [],
      caFile,
      algorithms: ['RS256'],
      ...over,
    },
    clock,
    silent,
  );
const bearer = (text: string) => ({ authorization: `Bearer ${text}`, socket: undefined });
const refused = expect.objectContaining({ code: 401 });

describe('an ID token', () => {
  it('is its user, and its issuer is asked once', async () => {
    const login = open();
    const both = await Promise.all([
      login.authenticate(bearer(token({ groups: ['dev', 'ops'] }))),
      login.authenticate(bearer(token({ sub: 'joe', groups: 'dev' }))),
    ]);
    expect(both).toEqual([
      { name: `${issuer}#jane`, groups: ['oidc:dev', 'oidc:ops'] },
      { name: `${issuer}#joe`, groups: ['oidc:dev'] },
    ]);
    await login.authenticate(bearer(token()));
    expect(asked).toEqual(['/.well-known/openid-configuration', '/jwks']);
  });

  it('of a new key makes us ask again, but not for every one that is made up', async () => {
    const login = open({ algorithms: ['RS256', 'ES256'] });
    await login.authenticate(bearer(token()));
    published = [...published, { kid: 'ec', key: ec }];
    const next = () => bearer(token({}, 'ES256', 'ec', ec));
    await expect(login.authenticate(next())).rejects.toEqual(refused);
    expect(asked).toHaveLength(2);
    await clock.advance(10_000);
    await expect(login.authenticate(next())).resolves.toMatchObject({ name: `${issuer}#jane` });
    expect(asked).toHaveLength(4);
  });

  it.each<[string, () => string]>([
    [
      'signed by another key',
      () => token({}, 'RS256', 'rsa', generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey),
    ],
    ['with an algorithm that is not believed', () => token({}, 'ES256', 'ec', ec)],
    ['with no signature', () => `${part({ alg: 'none' })}.${part({ iss: issuer })}.x`],
    ['for another client', () => token({ aud: ['other'] })],
    ['that is over', () => token({ exp: clock.now() / 1000 })],
    ['from the future', () => token({ nbf: clock.now() / 1000 + 1000 })],
  ])('%s is refused', async (_, make) => {
    await expect(open().authenticate(bearer(make()))).rejects.toEqual(refused);
  });

  it('may be signed with PSS, and may name no key', async () => {
    const login = open({ algorithms: ['PS256'] });
    await expect(login.authenticate(bearer(token({}, 'PS256', undefined)))).resolves.toBeDefined();
  });

  it('of another issuer, and what is no token, is somebody else’s', async () => {
    for (const text of [token({ iss: 'https://other' }), 'x', 'a.b.c', 'y'.repeat(50_000)])
      await expect(open().authenticate(bearer(text))).resolves.toBeUndefined();
    await expect(
      open().authenticate({ authorization: undefined, socket: undefined }),
    ).resolves.toBeUndefined();
  });

  it('is refused while its issuer can not be trusted', async () => {
    await expect(open({ caFile: '' }).authenticate(bearer(token()))).rejects.toEqual(refused);
  });
});

it.each<[Partial<OidcOptions>, object, string | object]>([
  [{ usernameClaim: 'email' }, { email: 'j@x' }, { name: 'j@x', groups: [] }],
  [{ usernameClaim: 'email' }, { email: 'j@x', email_verified: false }, 'oidc: email not verified'],
  [{ usernamePrefix: '-' }, {}, { name: 'jane', groups: [] }],
  [{ usernamePrefix: 'oidc:' }, {}, { name: 'oidc:jane', groups: [] }],
  [{ usernameClaim: 'name' }, {}, 'oidc: parse username claims "name": claim not present'],
  [{ groupsClaim: 'groups' }, { groups: [1] }, 'oidc: parse groups claim "groups": json: cannot unmarshal'],
  [{ requiredClaims: ['hd=example.com'] }, {}, 'oidc: required claim hd not present in ID token'],
  [
    { requiredClaims: ['hd=example.com'] },
    { hd: 'other' },
    'oidc: required claim hd value does not match. Got = other, want = example.com',
  ],
  [{ requiredClaims: ['hd=example.com'] }, { hd: 'example.com' }, { name: 'https://i#jane', groups: [] }],
])('with %j the claims %j are %j', (over, claims, expected) => {
  const options: OidcOptions = {
    issuer: 'https://i',
    clientId: 'c',
    usernameClaim: 'sub',
    usernamePrefix: undefined,
    groupsClaim: '',
    groupsPrefix: '',
    requiredClaims: [],
    ...over,
  };
  const outcome = oidcUser({ iss: 'https://i', aud: 'c', exp: 100, sub: 'jane', ...claims }, options, 50_000);
  expect('problem' in outcome ? outcome.problem : outcome.value).toEqual(expected);
});

it.each<[object, RegExp]>([
  [{ issuer: 'http://plain' }, /the scheme must be https/],
  [{ clientId: '' }, /oidc-client-id is needed/],
  [{ algorithms: ['HS256'] }, /"HS256" is not known/],
  [{ requiredClaims: ['x'] }, /is not claim=value/],
])('%j can not be opened', (over, why) => expect(() => open(over)).toThrow(why));
