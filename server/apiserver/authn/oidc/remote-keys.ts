import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import type { Clock } from '#proto/meta/clock.ts';
import { isObject, type JsonObject } from '#proto/meta/own-property.ts';

/** GETs a JSON object; rejects with what went wrong. */
export type FetchJson = (url: string) => Promise<JsonObject>;

export interface IssuerKey {
  readonly id: string | undefined;
  readonly key: KeyObject;
}

/** An unknown key makes us ask the issuer again, but not more often than this: tokens are anybody's to make up. */
const RETRY_MS = 10_000;

/**
 * The keys of an OpenID Connect issuer: read when the first token comes, and again when a token names one that is not
 * among them. Many that ask at once are one request. Rule: OpenID Connect Discovery 1.0 §4, RFC 7517.
 */
export class RemoteKeys {
  readonly #issuer: string;
  readonly #fetch: FetchJson;
  readonly #clock: Clock;
  #keys: readonly IssuerKey[] = [];
  #readAt = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | undefined;

  constructor(issuer: string, fetch: FetchJson, clock: Clock) {
    this.#issuer = issuer;
    this.#fetch = fetch;
    this.#clock = clock;
  }

  /** Those that may have signed a token with this key id; all of them for one without. */
  async candidates(id: string | undefined): Promise<readonly IssuerKey[]> {
    const known = this.#matching(id);
    if (known.length > 0 || (!this.#reading && this.#clock.now() < this.#readAt + RETRY_MS)) return known;
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    await this.#reading;
    return this.#matching(id);
  }

  #matching(id: string | undefined): readonly IssuerKey[] {
    return id === undefined ? this.#keys : this.#keys.filter((key) => key.id === id);
  }

  async #read(): Promise<void> {
    // Also where it fails: an issuer that is away is not asked for every token.
    this.#readAt = this.#clock.now();
    const base = this.#issuer.replace(/\/$/, '');
    const configuration = await this.#fetch(`${base}/.well-known/openid-configuration`);
    if (configuration['issuer'] !== this.#issuer)
      throw new Error(
        `oidc: issuer did not match the issuer returned by provider, expected "${this.#issuer}" got "${String(configuration['issuer'])}"`,
      );
    const { keys } = await this.#fetch(String(configuration['jwks_uri'] ?? ''));
    if (!Array.isArray(keys)) throw new Error('oidc: the key set has no keys');
    this.#keys = keys.flatMap(readKey);
  }
}

function readKey(jwk: unknown): IssuerKey[] {
  if (!isObject(jwk) || (jwk['use'] !== undefined && jwk['use'] !== 'sig')) return [];
  try {
    const key = createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' });
    return [{ id: typeof jwk['kid'] === 'string' ? jwk['kid'] : undefined, key }];
  } catch {
    // Of a kind that is not known here: others may still do.
    return [];
  }
}
