/**
 * Who this board is: its key, its client certificate and the cluster's CA, under `<data-dir>/agent/pki`, for root only.
 * The token is needed once; after that the certificate proves the board, and renews itself over the link.
 */
import { type KeyObject, X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomic } from '#proto/meta/atomic-file.ts';
import { createCsr } from '#proto/pki/csr.ts';
import { generateKey, keyFromPem, keyToPem } from '#proto/pki/key.ts';
import { toPem } from '#proto/pki/pem.ts';

/** All PEM. */
export interface Identity {
  readonly key: string;
  readonly certificate: string;
  readonly ca: string;
}

export class IdentityStore {
  readonly #folder: string;
  readonly #nodeName: string;

  constructor(folder: string, nodeName: string) {
    this.#folder = folder;
    this.#nodeName = nodeName;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  }

  /** What the board holds, if it is whole and for this node name; expired or not. */
  load(): Identity | undefined {
    const [key, certificate, ca] = ['node.key', 'node.crt', 'ca.crt'].map((name) => this.#read(name));
    if (!key || !certificate || !ca) return undefined;
    try {
      const read = new X509Certificate(certificate);
      const mine = read.subject.split('\n').includes(`CN=system:node:${this.#nodeName}`);
      return mine && read.checkPrivateKey(keyFromPem(key)) ? { key, certificate, ca } : undefined;
    } catch {
      return undefined;
    }
  }

  /** The board's key; made at the first call and kept. */
  key(): KeyObject {
    const stored = this.#read('node.key');
    if (stored) return keyFromPem(stored);
    const key = generateKey();
    writeFileAtomic(join(this.#folder, 'node.key'), keyToPem(key));
    return key;
  }

  /** A certificate request for the board's key, DER. */
  csr(): Buffer {
    return createCsr(this.key(), {
      commonName: `system:node:${this.#nodeName}`,
      organizations: ['system:nodes'],
    });
  }

  /** Keeps what the server issued, both DER. */
  save(certificate: Uint8Array, ca: Uint8Array): Identity {
    const identity = {
      key: keyToPem(this.key()),
      certificate: toPem('CERTIFICATE', certificate),
      ca: toPem('CERTIFICATE', ca),
    };
    writeFileAtomic(join(this.#folder, 'ca.crt'), identity.ca);
    writeFileAtomic(join(this.#folder, 'node.crt'), identity.certificate);
    return identity;
  }

  #read(name: string): string | undefined {
    const path = join(this.#folder, name);
    return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
  }
}

/** Two thirds of its life are over: time for another. `now` is epoch milliseconds. */
export function isRenewalDue(certificate: string, now: number): boolean {
  const { validFrom, validTo } = new X509Certificate(certificate);
  // What is issued for boards without a clock may be valid since 1970; its life is counted from the last year at most.
  const until = Date.parse(validTo);
  const from = Math.max(Date.parse(validFrom), until - 365 * 86_400_000);
  return now > from + ((until - from) * 2) / 3;
}
