/** From the claims of an ID token to a user. Rule: kube-apiserver's `--oidc-…` flags, OpenID Connect Core 1.0 §3.1.3.7. */

export interface OidcOptions {
  readonly issuer: string;
  readonly clientId: string;
  readonly usernameClaim: string;
  /** Undefined: `<issuer>#`, but nothing before an e-mail address; `-`: nothing. */
  readonly usernamePrefix: string | undefined;
  readonly groupsClaim: string;
  readonly groupsPrefix: string;
  /** `claim=value` each. */
  readonly requiredClaims: readonly string[];
}

export interface OidcUser {
  readonly name: string;
  readonly groups: readonly string[];
}

type Claims = Readonly<Record<string, unknown>>;
type Outcome<T> = { readonly problem: string } | { readonly value: T };

/** Clocks of issuers and of boards differ. Rule: go-oidc. */
const NOT_BEFORE_LEEWAY_SECONDS = 300;

/** Who the token is of, or why it is of nobody. `now`: epoch milliseconds. */
export function oidcUser(claims: Claims, options: OidcOptions, now: number): Outcome<OidcUser> {
  const problem = standingProblem(claims, options, now / 1000);
  if (problem) return { problem };
  const name = nameOf(claims, options);
  if ('problem' in name) return name;
  const groups = groupsOf(claims, options);
  if ('problem' in groups) return groups;
  for (const text of options.requiredClaims) {
    const at = text.indexOf('=');
    const [claim, wanted] = [text.slice(0, at), text.slice(at + 1)];
    if (claims[claim] === undefined)
      return { problem: `oidc: required claim ${claim} not present in ID token` };
    if (claims[claim] !== wanted)
      return {
        problem: `oidc: required claim ${claim} value does not match. Got = ${String(claims[claim])}, want = ${wanted}`,
      };
  }
  return { value: { name: name.value, groups: groups.value } };
}

function standingProblem(claims: Claims, options: OidcOptions, now: number): string | undefined {
  const { iss, aud, exp, nbf } = claims;
  if (iss !== options.issuer) return 'oidc: id token issued by a different provider';
  if (![aud].flat().includes(options.clientId)) return `oidc: expected audience "${options.clientId}"`;
  if (typeof exp !== 'number' || now >= exp) return 'oidc: token is expired';
  if (nbf !== undefined && (typeof nbf !== 'number' || now + NOT_BEFORE_LEEWAY_SECONDS < nbf))
    return 'oidc: current time is before the nbf (not before) time';
  return undefined;
}

function nameOf(claims: Claims, options: OidcOptions): Outcome<string> {
  const { usernameClaim: claim, usernamePrefix: prefix, issuer } = options;
  const name = claims[claim];
  if (name === undefined) return { problem: `oidc: parse username claims "${claim}": claim not present` };
  if (typeof name !== 'string' || name === '')
    return { problem: `oidc: parse username claims "${claim}": claim is not a string` };
  if (claim === 'email' && claims['email_verified'] !== undefined && claims['email_verified'] !== true)
    return { problem: 'oidc: email not verified' };
  if (prefix === '-') return { value: name };
  if (prefix) return { value: prefix + name };
  return { value: claim === 'email' ? name : `${issuer}#${name}` };
}

function groupsOf(claims: Claims, { groupsClaim, groupsPrefix }: OidcOptions): Outcome<string[]> {
  const groups = groupsClaim === '' ? undefined : claims[groupsClaim];
  if (groups === undefined || groups === null) return { value: [] };
  const list = [groups].flat();
  return list.every((group) => typeof group === 'string')
    ? { value: list.map((group) => groupsPrefix + group) }
    : { problem: `oidc: parse groups claim "${groupsClaim}": json: cannot unmarshal` };
}
