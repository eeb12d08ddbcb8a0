import { readKeyPair } from '#proto/ingress/key-pair.ts';
import type { Logger } from '#proto/meta/log.ts';
import { createCa, issueCertificate } from '#proto/pki/certificate.ts';
import { generateKey, keyToPem, spkiOf } from '#proto/pki/key.ts';
import { toPem } from '#proto/pki/pem.ts';
import type { Secret } from '#proto/schema/generated/core-v1.ts';

const NOT_BEFORE_MS = 0; // a board's clock may be anywhere
const NOT_AFTER_MS = Date.UTC(2106, 0, 1);

/** Key pairs as HAProxy reads them: certificates and key in one PEM, by the name of their Secret and what is in it. */
export class Certificates {
  readonly #log: Logger;
  /** By Secret object, which is another one when it has changed. */
  readonly #read = new WeakMap<Secret, string | undefined>();
  /** PEMs that HAProxy does not take, though they are pairs: a key that is too short for it. */
  readonly #refused = new Set<string>();
  readonly #default: string;

  constructor(names: readonly string[], log: Logger) {
    this.#log = log;
    this.#default = selfSigned(names);
  }

  /** For whoever asks for a name that has none. Made anew by each agent. */
  get fallback(): string {
    return this.#default;
  }

  /** Undefined where the Secret holds no usable pair; that is said once. */
  pemOf(secret: Secret): string | undefined {
    if (!this.#read.has(secret)) this.#read.set(secret, this.#check(secret));
    const pem = this.#read.get(secret);
    return pem !== undefined && this.#refused.has(pem) ? undefined : pem;
  }

  refuse(pem: string): void {
    this.#refused.add(pem);
  }

  #check(secret: Secret): string | undefined {
    try {
      const { certificate, key } = readKeyPair(secret);
      return `${certificate.trimEnd()}\n${key.trimEnd()}\n`;
    } catch (err) {
      const { namespace, name } = secret.metadata;
      this.#log.warn('a certificate of an Ingress can not be used', { secret: `${namespace}/${name}`, err });
      return undefined;
    }
  }
}

function selfSigned(names: readonly string[]): string {
  const authority = generateKey();
  const validity = { notBeforeMs: NOT_BEFORE_MS, notAfterMs: NOT_AFTER_MS };
  const ca = createCa({ commonName: 'Coracle Ingress', key: authority, ...validity });
  const key = generateKey();
  const certificate = issueCertificate(
    { certificate: ca, key: authority },
    {
      subject: { commonName: 'Coracle Ingress default certificate' },
      spki: spkiOf(key),
      ...validity,
      usages: ['server'],
      alternativeNames: names,
    },
  );
  return `${toPem('CERTIFICATE', certificate)}${keyToPem(key)}`;
}
