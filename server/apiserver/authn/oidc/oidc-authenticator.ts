import type { Clock } from '#proto/meta/clock.ts';
import type { Logger } from '#proto/meta/log.ts';
import { unauthorized } from '#proto/meta/status-error.ts';
import type { Authenticator, Credentials, UserInfo } from '#server/apiserver/authn/authenticator.ts';
import { bearerToken } from '#server/apiserver/authn/bearer.ts';
import { type Jws, readJws } from '#server/apiserver/authn/oidc/jws.ts';
import { type OidcOptions, oidcUser } from '#server/apiserver/authn/oidc/oidc-claims.plan.ts';
import { type FetchJson, RemoteKeys } from '#server/apiserver/authn/oidc/remote-keys.ts';

export interface OidcDeps {
  readonly options: OidcOptions;
  /** Algorithms that are believed: the token has no say in it. */
  readonly algorithms: readonly string[];
  readonly fetch: FetchJson;
  readonly clock: Clock;
  readonly log: Logger;
}

/** ID tokens of an OpenID Connect issuer as bearer tokens: how people log in without a certificate. */
export class OidcAuthenticator implements Authenticator {
  readonly #deps: OidcDeps;
  readonly #keys: RemoteKeys;

  constructor(deps: OidcDeps) {
    this.#deps = deps;
    this.#keys = new RemoteKeys(deps.options.issuer, deps.fetch, deps.clock);
  }

  async authenticate({ authorization }: Credentials): Promise<UserInfo | undefined> {
    const token = bearerToken(authorization);
    const jws = token === undefined ? undefined : readJws(token);
    // Tokens of other issuers are others' to judge.
    if (jws?.claims['iss'] !== this.#deps.options.issuer) return undefined;
    return this.#check(jws);
  }

  async #check(jws: Jws): Promise<UserInfo> {
    const { options, algorithms, clock, log } = this.#deps;
    // Who asks again and again with a token that is over should not make us look for keys.
    const outcome = oidcUser(jws.claims, options, clock.now());
    if ('problem' in outcome || !algorithms.includes(jws.algorithm)) throw unauthorized();
    try {
      const keys = await this.#keys.candidates(jws.keyId);
      if (keys.some(({ key }) => jws.isSignedBy(key))) return outcome.value;
    } catch (err) {
      log.warn('the keys of the OpenID Connect issuer could not be read', { issuer: options.issuer, err });
    }
    throw unauthorized();
  }
}
