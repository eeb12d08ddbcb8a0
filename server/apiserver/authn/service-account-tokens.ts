import { createPublicKey, type KeyObject, randomUUID } from 'node:crypto';
import { nodes } from '#proto/api/core/nodes.ts';
import { pods } from '#proto/api/core/pods.ts';
import { secrets } from '#proto/api/core/secrets.ts';
import { serviceaccounts } from '#proto/api/core/serviceaccounts.ts';
import type { Clock } from '#proto/meta/clock.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import { unauthorized } from '#proto/meta/status-error.ts';
import type { Authenticator, Credentials, UserInfo } from '#server/apiserver/authn/authenticator.ts';
import { bearerToken } from '#server/apiserver/authn/bearer.ts';
import { decodeJwt, keyIdOf, signJwt, verifyJwt } from '#server/apiserver/authn/jwt.ts';
import type { ObjectReader } from '#server/apiserver/authn/object-reader.ts';
import {
  type NamedUid,
  readTokenClaims,
  type ServiceAccountClaims,
  type TokenClaims,
} from '#server/apiserver/authn/service-account-claims.ts';

export interface ServiceAccountTokenDeps {
  readonly key: KeyObject;
  /** `https://kubernetes.default.svc.cluster.local`; also the audience of tokens that name none. */
  readonly issuer: string;
  readonly reader: ObjectReader;
  /** Nodes that are shut out, and the tokens of their Pods with them. */
  readonly nodes?: { isRevoked(nodeName: string): boolean };
  readonly clock: Clock;
}

export interface IssueOptions {
  readonly claims: ServiceAccountClaims;
  /** Empty: this API. */
  readonly audiences: readonly string[];
  /** Undefined: as long as the secret that it is bound to. */
  readonly expirationSeconds: number | undefined;
  /** Its use after so long is noted: whoever holds it should have fetched a new one. */
  readonly warnAfterSeconds?: number | undefined;
}

/**
 * Clocks of boards are corrected in jumps: a token counts this long before its time begins, so that one issued before
 * a step back is not refused. Its end is exact, as upstream's tokens end by the server's clock alone.
 */
const SKEW_SECONDS = 60;
const CREDENTIAL_ID = 'authentication.kubernetes.io/credential-id';

/**
 * Issues and checks service-account tokens (ES256). A token is as good as what it is bound to: each use looks up its
 * service account, and its pod, secret or node, by uid; what was deleted takes its tokens with it.
 */
export class ServiceAccountTokens implements Authenticator {
  readonly issuer: string;
  readonly #deps: ServiceAccountTokenDeps;
  readonly #publicKey: KeyObject;
  readonly #keyId: string;

  constructor(deps: ServiceAccountTokenDeps) {
    this.#deps = deps;
    this.issuer = deps.issuer;
    this.#publicKey = createPublicKey(deps.key);
    this.#keyId = keyIdOf(deps.key);
  }

  issue({ claims, audiences, expirationSeconds, warnAfterSeconds }: IssueOptions): {
    token: string;
    issuedMs: number;
  } {
    const now = Math.floor(this.#deps.clock.now() / 1000);
    const expires = expirationSeconds === undefined ? undefined : now + expirationSeconds;
    const token = signJwt(this.#deps.key, this.#keyId, {
      aud: audiences.length > 0 ? audiences : [this.issuer],
      ...(expires === undefined ? {} : { exp: expires }),
      iat: now,
      iss: this.issuer,
      jti: randomUUID(),
      'kubernetes.io':
        warnAfterSeconds === undefined ? claims : { ...claims, warnafter: now + warnAfterSeconds },
      nbf: now,
      sub: subjectOf(claims),
    });
    return { token, issuedMs: now * 1000 };
  }

  /** Bearer tokens for this API. JWTs of other issuers are left to others. */
  async authenticate({ authorization }: Credentials): Promise<UserInfo | undefined> {
    const token = bearerToken(authorization);
    if (token === undefined || decodeJwt(token)?.['iss'] !== this.issuer) return undefined;
    return this.check(token, [this.issuer]).user;
  }

  /** The user, and which of `audiences` the token is for (at least one). Throws 401. */
  check(token: string, audiences: readonly string[]): { user: UserInfo; audiences: string[] } {
    const verified = verifyJwt(this.#publicKey, token);
    const claims = verified && readTokenClaims(verified);
    if (!claims || claims.issuer !== this.issuer) throw unauthorized();
    const own = claims.audiences.length > 0 ? claims.audiences : [this.issuer];
    const common = audiences.filter((audience) => own.includes(audience));
    if (common.length === 0) throw unauthorized();
    this.#checkTime(claims);
    this.#checkBonds(claims);
    return { user: userOf(claims), audiences: common };
  }

  /** The public half as a JWK set, for `/openid/v1/jwks`. */
  keySet(): object {
    const jwk = this.#publicKey.export({ format: 'jwk' });
    return { keys: [{ use: 'sig', kid: this.#keyId, alg: 'ES256', ...jwk }] };
  }

  #checkTime({ expires, notBefore, account }: TokenClaims): void {
    const now = this.#deps.clock.now() / 1000;
    if (expires === undefined && !account.secret) throw unauthorized();
    if (expires !== undefined && now >= expires) throw unauthorized();
    if (notBefore !== undefined && now < notBefore - SKEW_SECONDS) throw unauthorized();
  }

  #checkBonds({ subject, account }: TokenClaims): void {
    const { reader, clock } = this.#deps;
    const { namespace, serviceaccount, pod, secret, node } = account;
    if (subject !== subjectOf(account)) throw unauthorized();
    const alive = (object: KubeObject | undefined, bond: NamedUid, graceMs: number): boolean => {
      if (!object || object.metadata.uid !== bond.uid) return false;
      const { deletionTimestamp } = object.metadata;
      return !deletionTimestamp || clock.now() < Date.parse(deletionTimestamp) + graceMs;
    };
    // A pod that ends needs its token to say good-bye; upstream leaves it a minute beyond its grace.
    const held =
      alive(reader.get(serviceaccounts, namespace, serviceaccount.name), serviceaccount, 0) &&
      (!pod || alive(reader.get(pods, namespace, pod.name), pod, 60_000)) &&
      (!secret || alive(reader.get(secrets, namespace, secret.name), secret, 60_000)) &&
      // The node of a pod's token is told, not checked: the pod is what it lives by.
      (!node || pod !== undefined || alive(reader.get(nodes, undefined, node.name), node, 60_000));
    if (!held) throw unauthorized();
    const host = node?.name ?? (pod && reader.get(pods, namespace, pod.name)?.spec.nodeName);
    if (host && this.#deps.nodes?.isRevoked(host)) throw unauthorized();
  }
}

const subjectOf = ({ namespace, serviceaccount }: ServiceAccountClaims): string =>
  `system:serviceaccount:${namespace}:${serviceaccount.name}`;

function userOf({ subject, id, account }: TokenClaims): UserInfo {
  const { namespace, serviceaccount, pod, node } = account;
  const extra: Record<string, readonly string[]> = {};
  if (id) extra[CREDENTIAL_ID] = [`JTI=${id}`];
  const tell = (what: string, named: NamedUid | undefined): void => {
    if (!named) return;
    extra[`authentication.kubernetes.io/${what}-name`] = [named.name];
    if (named.uid) extra[`authentication.kubernetes.io/${what}-uid`] = [named.uid];
  };
  tell('pod', pod);
  tell('node', node);
  return {
    name: subject,
    uid: serviceaccount.uid,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
    extra,
  };
}
