import { secrets } from '#proto/api/core/secrets.ts';
import type { Clock } from '#proto/meta/clock.ts';
import { unauthorized } from '#proto/meta/status-error.ts';
import type { Authenticator, Credentials, UserInfo } from '#server/apiserver/authn/authenticator.ts';
import { bearerToken } from '#server/apiserver/authn/bearer.ts';
import type { ObjectReader } from '#server/apiserver/authn/object-reader.ts';
import { formatToken, parseToken, sameSecret } from '#server/tokens/token-format.ts';
import {
  isExpiredToken,
  readTokenSecret,
  type StoredToken,
  TOKEN_NAMESPACE,
  tokenSecretName,
} from '#server/tokens/token-secret.ts';

/** The stored token that `text` is, if it holds now and may be used to authenticate. */
export function findBootstrapToken(reader: ObjectReader, text: string, now: number): StoredToken | undefined {
  const token = parseToken(text);
  if (!token) return undefined;
  const stored = findById(reader, token.id, now);
  return stored && sameSecret(stored.token.secret, token.secret) ? stored : undefined;
}

/** The whole text of the stored token of that id, if it holds now: for proving that it is known, never to be sent. */
export function findTokenById(reader: ObjectReader, id: string, now: number): string | undefined {
  const stored = findById(reader, id, now);
  return stored && formatToken(stored.token);
}

function findById(reader: ObjectReader, id: string, now: number): StoredToken | undefined {
  const stored = readTokenSecret(reader.get(secrets, TOKEN_NAMESPACE, tokenSecretName(id)));
  if (!stored || isExpiredToken(stored, now) || !stored.usages.includes('authentication')) return undefined;
  return stored;
}

/** Bootstrap tokens as bearer tokens: who has one is `system:bootstrap:<id>`. */
export class BootstrapTokenAuthenticator implements Authenticator {
  readonly #reader: ObjectReader;
  readonly #clock: Clock;

  constructor(reader: ObjectReader, clock: Clock) {
    this.#reader = reader;
    this.#clock = clock;
  }

  async authenticate({ authorization }: Credentials): Promise<UserInfo | undefined> {
    const text = bearerToken(authorization);
    if (text === undefined || !parseToken(text)) return undefined;
    return this.check(text);
  }

  /** Throws 401. */
  check(text: string): UserInfo {
    const stored = findBootstrapToken(this.#reader, text, this.#clock.now());
    if (!stored) throw unauthorized();
    const { token, groups } = stored;
    return { name: `system:bootstrap:${token.id}`, groups: [...groups, 'system:authenticated'] };
  }
}
