/**
 * Who each node is, and who is shut out: Secrets in kube-system, so that it outlives a restart, is in every backup and
 * holds from the moment that its write is answered. Nothing that asks here waits.
 */
import { createHash, X509Certificate } from 'node:crypto';
import { secrets } from '#proto/api/core/secrets.ts';
import { isNotFound } from '#proto/meta/status-error.ts';
import { spkiOf } from '#proto/pki/key.ts';
import type { Secret } from '#proto/schema/generated/core-v1.ts';
import type { ObjectReader } from '#server/apiserver/authn/object-reader.ts';
import type { ApiClient } from '#server/client/client.ts';
import { type NodeIdentity, refusalOf } from './identity.plan.ts';
import { IDENTITY_NAMESPACE, identitySecret, identitySecretName, readIdentity } from './identity-secret.ts';

/** What says whether a certificate of a node still holds. */
export interface NodeGate {
  /** Why not; undefined: it holds. `key` as {@link keyHashOf}. */
  refusal(nodeName: string, key: string): string | undefined;
  isRevoked(nodeName: string): boolean;
}

/** With the revision of its Secret, for a write that must not undo another. */
export interface KnownIdentity extends NodeIdentity {
  readonly resourceVersion?: string | undefined;
}

export class NodeIdentities implements NodeGate {
  readonly #known = new Map<string, KnownIdentity>();
  readonly #listeners = new Set<(nodeName: string) => void>();
  readonly #stop: () => void;

  constructor(reader: ObjectReader) {
    this.#stop = reader.follow(secrets, (secret: Secret, change, previous) => {
      const before = readIdentity(previous);
      const after = change === 'delete' ? undefined : readIdentity(secret);
      const gone = before ?? (change === 'delete' ? readIdentity(secret) : undefined);
      if (!after && !gone) return;
      if (after) this.#known.set(after.name, { ...after, resourceVersion: secret.metadata.resourceVersion });
      else if (gone) this.#known.delete(gone.name);
      const name = after?.name ?? gone?.name ?? '';
      for (const listener of [...this.#listeners]) listener(name);
    });
  }

  get(nodeName: string): KnownIdentity | undefined {
    return this.#known.get(nodeName);
  }

  refusal(nodeName: string, key: string): string | undefined {
    return refusalOf(this.#known.get(nodeName), key);
  }

  isRevoked(nodeName: string): boolean {
    return this.#known.get(nodeName)?.revokedMs !== undefined;
  }

  /** After what is known of a node has changed: what it has open may have to end. */
  onChange(listener: (nodeName: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#stop();
  }
}

/**
 * Durably. Rejects with a conflict where what is known has changed since `before` was read: a revocation must not be undone
 * by a board that joins in the same moment.
 */
export async function recordIdentity(
  client: ApiClient,
  identity: NodeIdentity,
  before: KnownIdentity | undefined,
): Promise<void> {
  const { metadata, ...secret } = identitySecret(identity);
  if (!before) {
    await client.create(secrets, { metadata, ...secret });
    return;
  }
  const { resourceVersion } = before;
  await client.update(secrets, {
    ...secret,
    metadata: { ...metadata, ...(resourceVersion ? { resourceVersion } : {}) },
  });
}

/** Any board may have the name again. False where nothing was known. */
export async function forgetIdentity(client: ApiClient, nodeName: string): Promise<boolean> {
  try {
    await client.delete(secrets, {
      namespace: IDENTITY_NAMESPACE,
      name: identitySecretName(nodeName),
    });
    return true;
  } catch (err) {
    if (isNotFound(err)) return false;
    throw err;
  }
}

/** By which a key is known: SHA-256 of its SubjectPublicKeyInfo, hex. */
export const keyHash = (spki: Uint8Array): string => createHash('sha256').update(spki).digest('hex');

/** Of the key in a certificate, DER. */
export const keyHashOf = (certificate: Uint8Array): string =>
  keyHash(spkiOf(new X509Certificate(certificate).publicKey));
