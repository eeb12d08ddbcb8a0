import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { Secret } from '#proto/schema/generated/core-v1.ts';

export interface KeyPair {
  /** PEM, the certificate of the name first. */
  readonly certificate: string;
  readonly key: string;
}

/** The pair in a Secret of type `kubernetes.io/tls`. Throws an Error that says what is wrong with it. */
export function readKeyPair({ type, data }: Pick<Secret, 'type' | 'data'>): KeyPair {
  if (type !== 'kubernetes.io/tls') throw new Error(`its type is ${type ?? 'Opaque'}, not kubernetes.io/tls`);
  const text = (name: string): string => Buffer.from(data?.[name] ?? '', 'base64').toString('latin1');
  const certificate = text('tls.crt');
  const key = text('tls.key');
  const parsed = attempt('tls.crt holds no certificate', () => new X509Certificate(certificate));
  const secret = attempt('tls.key holds no private key', () => createPrivateKey(key));
  if (!parsed.checkPrivateKey(secret)) throw new Error('tls.key is not the key of tls.crt');
  return { certificate, key };
}

function attempt<T>(problem: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw new Error(problem, { cause });
  }
}
