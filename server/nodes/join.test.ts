import { X509Certificate } from 'node:crypto';
import { expect, it } from 'vitest';
import { isCaProof, NONCE_BYTES } from '#proto/agent/ca-proof.ts';
import { secrets } from '#proto/api/core/secrets.ts';
import { FakeClock } from '#proto/meta/clock.ts';
import { conflict, STALE } from '#proto/meta/status-error.ts';
import { createCa } from '#proto/pki/certificate.ts';
import { createCsr } from '#proto/pki/csr.ts';
import { generateKey, spkiOf } from '#proto/pki/key.ts';
import { aCluster } from '#server/apiserver/authn/fixtures.ts';
import { tokenSecretOf } from '#server/tokens/token-secret.ts';
import type { NodeIdentity } from './identity.plan.ts';
import { createBoardCertificates, REPLACE_GROUP } from './join.ts';
import { type KnownIdentity, keyHash } from './node-identities.ts';

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

interface Knowledge {
  readonly live?: readonly string[];
  readonly known?: Partial<NodeIdentity>;
}

async function aServer({ live = [], known }: Knowledge = {}) {
  const { reader, put } = aCluster();
  let identity: KnownIdentity | undefined = known && {
    name: 'pi',
    key: '',
    hardware: '',
    sinceMs: 0,
    ...known,
  };
  const taken: string[] = [];
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
  const certificates = createBoardCertificates({
    issuer: { certificate, key },
    reader,
    joinTokens: [OWN, ''],
    isLive: (name) => live.includes(name),
    identities: { get: () => identity },
    record: async (next, before) => {
      if (before !== identity) throw conflict({ group: '', resource: 'secrets' }, next.name, STALE);
      identity = next;
    },
    onTaken: (name, _peer, sameHardware) => taken.push(`${name} ${sameHardware}`),
    clock,
  });
  return { ...certificates, taken, identity: () => identity };
}

const joins = (token: string, nodeName: string, csr: Uint8Array, hardware = 'h1') => ({
  token,
  nodeName,
  csr,
  hardware,
  peer: '10.0.0.9:1',
});
const renewal = (commonName: string, isProven = true) => ({
  nodeName: 'pi',
  csr: csrOf(commonName),
  hardware: 'h1',
  peer: '',
  isProven,
});

it.each([[OWN], ['daily1.0123456789abcdef'], ['taker1.0123456789abcdef']])(
  'a board joins with %s',
  async (token) => {
    const server = await aServer();
    const der = await server.join(joins(token, 'pi', csrOf('system:node:pi')));
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
  await expect(server.join(joins(token, nodeName, csr))).rejects.toMatchObject({ code });
});

const BOARD = keyHash(spkiOf(board));
const REPLACER = 'taker1.0123456789abcdef';

/** What a board with `BOARD` as its key and `h1` for hardware meets as `pi`. */
it.each<[string, Knowledge, string, string, number | undefined]>([
  ['a name that is new', {}, OWN, 'h1', undefined],
  [
    'its own name, with its own key',
    { known: { key: BOARD, hardware: 'h1' }, live: ['pi'] },
    OWN,
    'h1',
    undefined,
  ],
  ['its name after a re-flash', { known: { key: 'old', hardware: 'h1' } }, OWN, 'h1', undefined],
  [
    'the same before its loss is noticed',
    { known: { key: 'old', hardware: 'h1' }, live: ['pi'] },
    OWN,
    'h1',
    503,
  ],
  ['the name of other hardware', { known: { key: 'old', hardware: 'h2' } }, OWN, 'h1', 409],
  ['the name of hardware that is not known', { known: { key: 'old' } }, OWN, 'h1', 409],
  ['a name, and says nothing of itself', { known: { key: 'old', hardware: 'h1' } }, OWN, '', 409],
  ['the name of a connected board', { known: { key: 'old', hardware: 'h2' }, live: ['pi'] }, OWN, 'h1', 409],
  [
    'the same, with leave',
    { known: { key: 'old', hardware: 'h2' }, live: ['pi'] },
    REPLACER,
    'h1',
    undefined,
  ],
  ['a name that was revoked', { known: { key: BOARD, hardware: 'h1', revokedMs: 1 } }, REPLACER, 'h1', 403],
])('who joins gets or does not get %s', async (_, knowledge, token, hardware, code) => {
  const server = await aServer(knowledge);
  const joining = server.join(joins(token, 'pi', csrOf('system:node:pi'), hardware));
  if (code === undefined) {
    await joining;
    expect(server.identity()).toMatchObject({ name: 'pi', key: BOARD, hardware: 'h1' });
    expect(server.taken).toEqual(
      knowledge.known?.key === 'old' ? [`pi ${knowledge.known.hardware === 'h1'}`] : [],
    );
  } else {
    await expect(joining).rejects.toMatchObject({ code });
    expect(server.identity()).toEqual({ name: 'pi', key: '', hardware: '', sinceMs: 0, ...knowledge.known });
  }
});

it.each<[string, Knowledge, boolean, number | undefined]>([
  ['with its certificate', { known: { key: BOARD, hardware: 'h1' } }, true, undefined],
  ['with its certificate, before identities were kept', {}, true, undefined],
  ['with its key alone, where the certificate has ended', { known: { key: BOARD } }, false, undefined],
  ['without either', {}, false, 401],
  ['with a key that is not on record', { known: { key: 'new' } }, true, 401],
  ['when it is revoked', { known: { key: BOARD, revokedMs: 1 } }, true, 403],
])('a board renews, or not, %s', async (_, knowledge, isProven, code) => {
  const server = await aServer(knowledge);
  const renewing = server.renew(renewal('system:node:pi', isProven));
  if (code !== undefined) return void (await expect(renewing).rejects.toMatchObject({ code }));
  await renewing;
  expect(server.identity()).toMatchObject({ key: BOARD, hardware: 'h1' });
});

it('renews in the same name only', async () => {
  const server = await aServer();
  await expect(server.renew(renewal('system:node:other'))).rejects.toMatchObject({ code: 400 });
});

it('takes up a board that it does not know, once', async () => {
  const server = await aServer();
  await server.adopt('pi', 'k1', '');
  await server.adopt('pi', 'k2', 'h2');
  expect(server.identity()).toMatchObject({ name: 'pi', key: 'k1', hardware: '' });
  await server.adopt('pi', 'k1', 'h1');
  expect(server.identity()).toMatchObject({ name: 'pi', key: 'k1', hardware: 'h1' });
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
