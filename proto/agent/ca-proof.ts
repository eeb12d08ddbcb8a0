import { createHmac, timingSafeEqual } from 'node:crypto';
import { caHash } from '#proto/pki/key.ts';

export const NONCE_BYTES = 16;

/**
 * What who knows a join token says about the cluster's CA: an HMAC keyed with the whole token. Somebody in between, who
 * shows another CA, can neither make it for that one nor use the true one; and a token of `coracle token create` has 82 bits,
 * so that to guess it from proofs is hopeless. The idea is kubeadm's signed cluster-info. `ca` is PEM or DER.
 */
export function caProof(token: string, nonce: Uint8Array, ca: string | Uint8Array): Buffer {
  return createHmac('sha256', token)
    .update('coracle ca proof 1\0')
    .update(nonce)
    .update('\0')
    .update(caHash(ca))
    .digest();
}

export function isCaProof(
  proof: Uint8Array,
  token: string,
  nonce: Uint8Array,
  ca: string | Uint8Array,
): boolean {
  const wanted = caProof(token, nonce, ca);
  return proof.length === wanted.length && timingSafeEqual(proof, wanted);
}
