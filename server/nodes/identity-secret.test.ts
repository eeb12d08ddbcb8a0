import { expect, it } from 'vitest';
import { identitySecret, identitySecretName, readIdentity, revokedNodes } from './identity-secret.ts';

const pi = { name: 'pi', key: 'k', hardware: 'h', sinceMs: 1_000 };

it.each([
  ['allowed', pi],
  ['revoked', { ...pi, revokedMs: 2_000 }],
  ['of unknown hardware', { ...pi, hardware: '' }],
  ['with a long name', { ...pi, name: 'a'.repeat(250) }],
])('keeps an identity that is %s', (_, identity) => {
  const secret = identitySecret(identity);
  expect(readIdentity(secret)).toEqual(identity);
  expect((secret.metadata.name ?? '').length).toBeLessThanOrEqual(253);
});

it('reads no other Secret, nor one under another name', () => {
  const secret = identitySecret(pi);
  expect(readIdentity({ ...secret, type: 'Opaque' })).toBeUndefined();
  expect(readIdentity({ ...secret, metadata: { ...secret.metadata, namespace: 'default' } })).toBeUndefined();
  const name = identitySecretName('other');
  expect(readIdentity({ ...secret, metadata: { ...secret.metadata, name } })).toBeUndefined();
  expect(readIdentity(undefined)).toBeUndefined();
});

it('takes a date that can not be read for a revocation', () => {
  const secret = identitySecret({ ...pi, revokedMs: 2_000 });
  const data = { ...secret.data, revoked: Buffer.from('yesterday').toString('base64') };
  expect(revokedNodes([identitySecret({ ...pi, name: 'other' }), { ...secret, data }])).toEqual(
    new Set(['pi']),
  );
});
