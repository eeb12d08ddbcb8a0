import { timestamp } from '#proto/meta/timestamp.ts';
import type { Secret } from '#proto/schema/generated/core-v1.ts';
import type { BootstrapToken } from '#server/tokens/token-format.ts';

export const TOKEN_NAMESPACE = 'kube-system';
export const TOKEN_TYPE = 'bootstrap.kubernetes.io/token';
export const tokenSecretName = (id: string): string => `bootstrap-token-${id}`;

/** For joining, and for asking the API: what a token may be used for. */
export type TokenUsage = 'authentication' | 'signing';

export interface StoredToken {
  readonly token: BootstrapToken;
  readonly description: string;
  /** Epoch milliseconds; undefined: never. NaN where the date can't be read. */
  readonly expiresMs: number | undefined;
  readonly usages: readonly TokenUsage[];
  readonly groups: readonly string[];
}

const GROUP = 'system:bootstrappers';
const GROUP_FORM = /^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$/;
const USAGES: readonly TokenUsage[] = ['authentication', 'signing'];

/** Undefined where the secret is no bootstrap token, or not whole. Rule: upstream's bootstrap token secret. */
export function readTokenSecret(secret: Secret | undefined): StoredToken | undefined {
  if (!secret || secret.type !== TOKEN_TYPE || secret.metadata.deletionTimestamp) return undefined;
  const text = (key: string): string => Buffer.from(secret.data?.[key] ?? '', 'base64').toString('utf8');
  const [id, own] = [text('token-id'), text('token-secret')];
  if (id === '' || own === '' || secret.metadata.name !== tokenSecretName(id)) return undefined;
  const extra = text('auth-extra-groups').split(',').filter(Boolean);
  if (!extra.every((group) => GROUP_FORM.test(group))) return undefined;
  const expiration = text('expiration');
  return {
    token: { id, secret: own },
    description: text('description'),
    expiresMs: expiration === '' ? undefined : Date.parse(expiration),
    usages: USAGES.filter((usage) => text(`usage-bootstrap-${usage}`) === 'true'),
    groups: [GROUP, ...extra],
  };
}

/** A token whose date can't be read is over: nobody knows when it should have ended. */
export const isExpiredToken = ({ expiresMs }: StoredToken, now: number): boolean =>
  expiresMs !== undefined && !(now < expiresMs);

/** The secret that keeps the token. */
export function tokenSecretOf(stored: StoredToken): Secret {
  const { token, description, expiresMs, usages, groups } = stored;
  const data: Record<string, string> = { 'token-id': token.id, 'token-secret': token.secret };
  if (description) data['description'] = description;
  if (expiresMs !== undefined) data['expiration'] = timestamp(expiresMs);
  for (const usage of usages) data[`usage-bootstrap-${usage}`] = 'true';
  const extra = groups.filter((group) => group !== GROUP);
  if (extra.length > 0) data['auth-extra-groups'] = extra.join(',');
  return {
    metadata: { name: tokenSecretName(token.id), namespace: TOKEN_NAMESPACE },
    type: TOKEN_TYPE,
    data: Object.fromEntries(
      Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString('base64')]),
    ),
  };
}
