import { isObject, type JsonObject } from '#proto/meta/own-property.ts';

export interface NamedUid {
  readonly name: string;
  readonly uid: string;
}

/** What our tokens say beside the registered claims. Rule: upstream's `pkg/serviceaccount` private claims. */
export interface ServiceAccountClaims {
  readonly namespace: string;
  readonly serviceaccount: NamedUid;
  readonly pod?: NamedUid;
  readonly secret?: NamedUid;
  readonly node?: NamedUid;
}

export interface TokenClaims {
  readonly issuer: string;
  readonly subject: string;
  readonly audiences: readonly string[];
  readonly id: string | undefined;
  /** Seconds since the epoch; no expiry for tokens of secrets. */
  readonly expires: number | undefined;
  readonly notBefore: number | undefined;
  readonly account: ServiceAccountClaims;
}

/** Undefined where something needed is missing or of the wrong type. */
export function readTokenClaims(claims: JsonObject): TokenClaims | undefined {
  const { iss, sub, jti, exp, nbf } = claims;
  const account = readAccount(claims['kubernetes.io']);
  const audiences = [claims['aud'] ?? []].flat();
  if (typeof iss !== 'string' || typeof sub !== 'string' || !account) return undefined;
  if (!audiences.every((audience) => typeof audience === 'string')) return undefined;
  if (!isTime(exp) || !isTime(nbf)) return undefined;
  const id = typeof jti === 'string' ? jti : undefined;
  return { issuer: iss, subject: sub, audiences, id, expires: exp, notBefore: nbf, account };
}

const isTime = (value: unknown): value is number | undefined =>
  value === undefined || (typeof value === 'number' && Number.isFinite(value));

function readAccount(value: unknown): ServiceAccountClaims | undefined {
  if (!isObject(value) || typeof value['namespace'] !== 'string') return undefined;
  const serviceaccount = readNamed(value['serviceaccount']);
  if (!serviceaccount) return undefined;
  const bound: { pod?: NamedUid; secret?: NamedUid; node?: NamedUid } = {};
  for (const kind of ['pod', 'secret', 'node'] as const) {
    if (value[kind] === undefined) continue;
    const named = readNamed(value[kind]);
    // A bond that cannot be read cannot be checked.
    if (!named) return undefined;
    bound[kind] = named;
  }
  return { namespace: value['namespace'], serviceaccount, ...bound };
}

const readNamed = (value: unknown): NamedUid | undefined =>
  isObject(value) && typeof value['name'] === 'string' && typeof value['uid'] === 'string'
    ? { name: value['name'], uid: value['uid'] }
    : undefined;
