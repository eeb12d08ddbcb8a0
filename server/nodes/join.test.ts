import { X509Certificate } from 'node:crypto';
import { expect, it } from 'vitest';
import { isCaProof, NONCE_BYTES } from '#proto/agent/ca-proof.ts';
import { secrets } from '#proto/api/core/secrets.ts';
import { FakeClock } from '#proto/meta/clock.ts';
import { createCa } from '#proto/pki/certificate.ts';
import { createCsr } from '#proto/pki/csr.ts';
import { generateKey, spkiOf } from '#proto/pki/key.ts';
import { aCluster } from '#server/apiserver/authn/fixtures.ts';
import { tokenSecretOf } from '#server/tokens/token-secret.ts';
import { createBoardCertificates, REPLACE_GROUP } from './join.ts';

const clock = new FakeClock();
const key = generateKey();
const certificate = createCa({
  commonName: 'ca',
  key,
  notBeforeMs: 0,
  notAfterMs: clock.now() + 30 * 365 * 86_400_000,
});
const board = generateKey();
const csrOf = (commonName: string, organizations = ['system:nodes']) =>
  createCsr(board, { commonName, organizations });
const OWN = 'server.0123456789abcdef';

async function aServer(live: string[] = []) {
  const { reader, put } = aCluster();
  const store = (id: string, expiresMs: number | undefined, groups: string[] = []) =>
    put(
      secrets,
      tokenSecretOf({
        token: { id, secret: '0123456789abcdef' },
        description: '',
        expiresMs,
        usages: ['authentication'],
        groups,
      }),
    );
  await store('daily1', clock.now() + 1000);
  await store('older1', clock.now() - 1000);
  await store('taker1', undefined, [REPLACE_GROUP]);
  return createBoardCertificates({
    issuer: { certificate, key },
    reader,
    joinTokens: [OWN, ''],
    isLive: (name) => live.includes(name),
    clock,
  });
}

it.each([[OWN], ['daily1.0123456789abcdef'], ['taker1.0123456789abcdef']])(
  'a board joins with %s',
  async (token) => {
    const server = await aServer();
    const der = await server.join({ token, nodeName: 'pi', csr: csrOf('system:node:pi') });
    const read = new X509Certificate(der);
    expect(read.subject).toBe('O=system:nodes\nCN=system:node:pi');
    expect(read.verify(new X509Certificate(certificate).publicKey)).toBe(true);
    expect(spkiOf(read.publicKey).equals(spkiOf(board))).toBe(true);
    expect(read.keyUsage).toEqual(expect.arrayContaining(['1.3.6.1.5.5.7.3.2', '1.3.6.1.5.5.7.3.1']));
  },
);

it.each<[string, string, string, Uint8Array, number]>([
  ['without a token', '', 'pi', csrOf('system:node:pi'), 401],
  ['with a wrong one', 'server.0123456789abcdee', 'pi', csrOf('system:node:pi'), 401],
  ['with one that is over', 'older1.0123456789abcdef', 'pi', csrOf('system:node:pi'), 401],
  ['in the name of another', OWN, 'pi', csrOf('system:node:other'), 400],
  ['as a person', OWN, 'pi', csrOf('admin'), 400],
  ['into another group', OWN, 'pi', csrOf('system:node:pi', ['system:nodes', 'system:masters']), 400],
  ['with a name that is none', OWN, '../pi', csrOf('system:node:../pi'), 400],
  ['with noise for a request', OWN, 'pi', Buffer.from('3080ff', 'hex'), 400],
])('nobody joins %s', async (_, token, nodeName, csr, code) => {
  const server = await aServer();
  await expect(server.join({ token, nodeName, csr })).rejects.toMatchObject({ code });
});

it('leaves the name of a connected board to it, unless the token says otherwise', async () => {
  const server = await aServer(['pi']);
  const request = { nodeName: 'pi', csr: csrOf('system:node:pi') };
  await expect(server.join({ token: OWN, ...request })).rejects.toMatchObject({ code: 409 });
  await expect(server.join({ token: 'taker1.0123456789abcdef', ...request })).resolves.toBeDefined();
  await expect(server.renew(request)).resolves.toBeDefined();
});

it('renews in the same name only', async () => {
  const server = await aServer();
  await expect(server.renew({ nodeName: 'pi', csr: csrOf('system:node:other') })).rejects.toMatchObject({
    code: 400,
  });
});

it('proves that it knows a token, bound to its CA', async () => {
  const server = await aServer();
  const nonce = Buffer.alloc(NONCE_BYTES, 7);
  for (const token of [OWN, 'daily1.0123456789abcdef']) {
    const proof = await server.prove({ tokenId: token.split('.')[0] ?? '', nonce });
    expect(isCaProof(proof, token, nonce, certificate)).toBe(true);
    expect(isCaProof(proof, token, Buffer.alloc(NONCE_BYTES, 8), certificate)).toBe(false);
    expect(isCaProof(proof, `${token}x`, nonce, certificate)).toBe(false);
    const other = createCa({ commonName: 'ca', key: board, notBeforeMs: 0, notAfterMs: clock.now() + 1e9 });
    expect(isCaProof(proof, token, nonce, other)).toBe(false);
  }
});

it.each([
  ['an unknown token', 'nobody', NONCE_BYTES, 401],
  ['an expired token', 'older1', NONCE_BYTES, 401],
  ['the empty token', '', NONCE_BYTES, 401],
  ['a short nonce', 'daily1', 3, 400],
])('proves nothing for %s', async (_, tokenId, bytes, code) => {
  const server = await aServer();
  await expect(server.prove({ tokenId, nonce: Buffer.alloc(bytes) })).rejects.toMatchObject({ code });
});
