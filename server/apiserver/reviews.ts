import type { KubeObject } from '#proto/meta/object.ts';
import type { SelfSubjectReview, TokenReview } from '#proto/schema/generated/authentication-v1.ts';
import type { BootstrapTokenAuthenticator } from '#server/apiserver/authn/bootstrap-token.ts';
import { reviewSelf, reviewToken } from '#server/apiserver/authn/reviews.ts';
import type { ServiceAccountTokens } from '#server/apiserver/authn/service-account-tokens.ts';
import type { ClusterAuthorizer } from '#server/apiserver/authz/create-authorizer.ts';
import { accessReviews } from '#server/apiserver/authz/reviews.ts';
import type { Review } from '#server/apiserver/subresources/subresources.ts';

/** Every kind of review by its plural: who is this, whose token is that, may they. */
export function createReviews(deps: {
  readonly authorizer: ClusterAuthorizer;
  readonly tokens: ServiceAccountTokens;
  readonly bootstrap: BootstrapTokenAuthenticator;
}): Readonly<Record<string, Review>> {
  const { authorizer } = deps;
  return {
    tokenreviews: (body: KubeObject) => reviewToken(deps, body as TokenReview),
    selfsubjectreviews: (body: KubeObject, { user }) => reviewSelf(body as SelfSubjectReview, user),
    ...accessReviews({ authorizer, rbac: authorizer.rbac }),
  };
}
