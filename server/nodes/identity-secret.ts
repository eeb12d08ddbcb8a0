import { createHash } from 'node:crypto';
import { timestamp } from '#proto/meta/timestamp.ts';
import type { Secret } from '#proto/schema/generated/core-v1.ts';
import type { NodeIdentity } from './identity.plan.ts';

export const IDENTITY_NAMESPACE = 'kube-system';
export const IDENTITY_TYPE = 'coracle.dev/node-identity';
const PREFIX = 'coracle-node-';

/** A node's name may be as long as an object's: a longer one is told by its hash. */
export function identitySecretName(nodeName: string): string {
  const name = `${PREFIX}${nodeName}`;
  return name.length <= 253 ? name : `${PREFIX}${createHash('sha256').update(nodeName).digest('hex')}`;
}

/** Undefined where the Secret is none of ours, or tells of no node. */
export function readIdentity(secret: Secret | undefined): NodeIdentity | undefined {
  if (secret?.type !== IDENTITY_TYPE || secret.metadata.namespace !== IDENTITY_NAMESPACE) return undefined;
  const text = (key: string): string => Buffer.from(secret.data?.[key] ?? '', 'base64').toString('utf8');
  const name = text('node');
  if (name === '' || secret.metadata.name !== identitySecretName(name)) return undefined;
  const revoked = text('revoked');
  return {
    name,
    key: text('key'),
    hardware: text('hardware'),
    sinceMs: Date.parse(text('since')) || 0,
    // One whose date can't be read is shut out none the less.
    ...(revoked === '' ? {} : { revokedMs: Date.parse(revoked) || 0 }),
  };
}

/** The nodes that are shut out, among any Secrets. */
export const revokedNodes = (secrets: readonly Secret[]): ReadonlySet<string> =>
  new Set(secrets.map(readIdentity).flatMap((known) => (known?.revokedMs === undefined ? [] : [known.name])));

export function identitySecret(identity: NodeIdentity): Secret {
  const { name, key, hardware, sinceMs, revokedMs } = identity;
  const data: Record<string, string> = { node: name, key, hardware, since: timestamp(sinceMs) };
  if (revokedMs !== undefined) data['revoked'] = timestamp(revokedMs);
  return {
    metadata: { name: identitySecretName(name), namespace: IDENTITY_NAMESPACE },
    type: IDENTITY_TYPE,
    data: Object.fromEntries(
      Object.entries(data)
        .filter(([, value]) => value !== '')
        .map(([key, value]) => [key, Buffer.from(value).toString('base64')]),
    ),
  };
}
