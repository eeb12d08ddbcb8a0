import { secrets } from '#proto/api/core/secrets.ts';
import { isNotFound, notFound, StatusError } from '#proto/meta/status-error.ts';
import type { ApiClient } from '#server/client/client.ts';
import { formatToken, generateToken, parseToken } from '#server/tokens/token-format.ts';
import {
  readTokenSecret,
  type StoredToken,
  TOKEN_NAMESPACE,
  type TokenUsage,
  tokenSecretName,
  tokenSecretOf,
} from '#server/tokens/token-secret.ts';

const DAY_MS = 86_400_000;

export interface CreateTokenOptions {
  readonly now: number;
  /** `abcdef.0123456789abcdef`; generated where absent. */
  readonly token?: string | undefined;
  readonly description?: string | undefined;
  /** 0: never ends. Default: 24 hours. */
  readonly ttlMs?: number | undefined;
  readonly usages?: readonly TokenUsage[] | undefined;
  readonly groups?: readonly string[] | undefined;
}

/** `coracle token create`: stores a join token and answers it. */
export async function createToken(client: ApiClient, options: CreateTokenOptions): Promise<string> {
  const { now, ttlMs = DAY_MS, token: wanted } = options;
  const token = wanted === undefined ? generateToken() : parseToken(wanted);
  if (!token) {
    throw new StatusError(
      'BadRequest',
      `the bootstrap token ${JSON.stringify(wanted)} was not of the form "\\A([a-z0-9]{6})\\.([a-z0-9]{16})\\z"`,
    );
  }
  const stored: StoredToken = {
    token,
    description: options.description ?? '',
    expiresMs: ttlMs === 0 ? undefined : now + ttlMs,
    usages: options.usages ?? ['authentication', 'signing'],
    groups: options.groups ?? ['system:bootstrappers', 'system:bootstrappers:coracle:default-node-token'],
  };
  await client.create(secrets, tokenSecretOf(stored));
  return formatToken(token);
}

/** `coracle token list`, by id; what ended and was not yet removed is there, too. */
export async function listTokens(client: ApiClient): Promise<StoredToken[]> {
  const { items } = await client.list(secrets, { namespace: TOKEN_NAMESPACE });
  return items
    .map(readTokenSecret)
    .filter((token) => token !== undefined)
    .sort((a, b) => (a.token.id < b.token.id ? -1 : 1));
}

/** `coracle token delete`: by the whole token or its id. */
export async function deleteToken(client: ApiClient, token: string): Promise<void> {
  const id = parseToken(token)?.id ?? token;
  if (!/^[a-z0-9]{6}$/.test(id)) {
    throw new StatusError(
      'BadRequest',
      `given token or token id ${JSON.stringify(token)} didn't match pattern`,
    );
  }
  try {
    await client.delete(secrets, { namespace: TOKEN_NAMESPACE, name: tokenSecretName(id) });
  } catch (err) {
    if (isNotFound(err)) throw notFound({ group: '', resource: 'bootstrap tokens' }, id);
    throw err;
  }
}
