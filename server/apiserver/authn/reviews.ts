import { StatusError } from '#proto/meta/status-error.ts';
import type {
  SelfSubjectReview,
  TokenReview,
  TokenReviewStatus,
  UserInfo as WireUser,
} from '#proto/schema/generated/authentication-v1.ts';
import type { Authenticator, UserInfo } from '#server/apiserver/authn/authenticator.ts';
import type { BootstrapTokenAuthenticator } from '#server/apiserver/authn/bootstrap-token.ts';
import type { ServiceAccountTokens } from '#server/apiserver/authn/service-account-tokens.ts';
import { parseToken } from '#server/tokens/token-format.ts';

/** A user as reviews write it. */
export function wireUser(user: UserInfo): WireUser {
  const extra = Object.entries(user.extra ?? {}).map(([key, values]): [string, string[]] => [
    key,
    [...values],
  ]);
  return {
    username: user.name,
    ...(user.uid ? { uid: user.uid } : {}),
    groups: [...user.groups],
    ...(extra.length > 0 ? { extra: Object.fromEntries(extra) } : {}),
  };
}

/** `kubectl auth whoami`. */
export const reviewSelf = (review: SelfSubjectReview, user: UserInfo): SelfSubjectReview => ({
  ...review,
  status: { userInfo: wireUser(user) },
});

/** Whose token is it? A bad token is an answer, not an error. */
export async function reviewToken(
  deps: {
    readonly tokens: ServiceAccountTokens;
    readonly bootstrap: BootstrapTokenAuthenticator;
    /** Who knows tokens of other kinds, for this API alone. */
    readonly others?: readonly Authenticator[] | undefined;
  },
  review: TokenReview,
): Promise<TokenReview> {
  return { ...review, status: await statusOf(deps, review) };
}

const INVALID: TokenReviewStatus = { authenticated: false, error: 'invalid bearer token' };

async function statusOf(
  { tokens, bootstrap, others = [] }: Parameters<typeof reviewToken>[0],
  { spec }: TokenReview,
): Promise<TokenReviewStatus> {
  const token = spec?.token ?? '';
  if (token === '')
    throw new StatusError('BadRequest', 'token is required for TokenReview in authentication');
  const wanted = spec?.audiences?.length ? spec.audiences : [tokens.issuer];
  const own = wanted.filter((audience) => audience === tokens.issuer);
  const forThisApi = (user: UserInfo): TokenReviewStatus =>
    own.length > 0 ? { authenticated: true, user: wireUser(user), audiences: own } : INVALID;
  try {
    if (parseToken(token)) return forThisApi(bootstrap.check(token));
    for (const other of others) {
      const user = await other.authenticate({ authorization: `Bearer ${token}`, socket: undefined });
      if (user) return forThisApi({ ...user, groups: [...user.groups, 'system:authenticated'] });
    }
    const { user, audiences } = tokens.check(token, wanted);
    return { authenticated: true, user: wireUser(user), audiences };
  } catch (err) {
    if (err instanceof StatusError && err.code === 401) return INVALID;
    throw err;
  }
}
