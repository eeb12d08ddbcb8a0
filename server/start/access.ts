import type { Clock } from '#proto/meta/clock.ts';
import type { Logger } from '#proto/meta/log.ts';
import type { SelfSubjectReview, TokenReview } from '#proto/schema/generated/authentication-v1.ts';
import type { Authenticator } from '#server/apiserver/authn/authenticator.ts';
import { BootstrapTokenAuthenticator } from '#server/apiserver/authn/bootstrap-token.ts';
import { ClientCertificateAuthenticator } from '#server/apiserver/authn/client-certificate.ts';
import { createStoreReader, type ObjectReader } from '#server/apiserver/authn/object-reader.ts';
import { reviewSelf, reviewToken } from '#server/apiserver/authn/reviews.ts';
import { ServiceAccountTokens } from '#server/apiserver/authn/service-account-tokens.ts';
import type { Authorizer } from '#server/apiserver/authz/authorizer.ts';
import { NodeAuthorizer } from '#server/apiserver/authz/node-authorizer.ts';
import { RbacAuthorizer } from '#server/apiserver/authz/rbac.ts';
import { accessReviews } from '#server/apiserver/authz/reviews.ts';
import { UnionAuthorizer } from '#server/apiserver/authz/union.ts';
import type { Review } from '#server/apiserver/subresources/subresources.ts';
import { NodeConnections } from '#server/nodes/node-connections.ts';
import { NodeIdentities } from '#server/nodes/node-identities.ts';
import type { ServerOptions } from '#server/options.ts';
import type { Foundation } from './foundation.ts';

/** Who asks, and whether they may. */
export interface Access {
  readonly reader: ObjectReader;
  readonly identities: NodeIdentities;
  readonly tokens: ServiceAccountTokens;
  readonly authenticators: readonly Authenticator[];
  readonly rbac: RbacAuthorizer;
  readonly authorizer: Authorizer;
  /** By plural, for {@link ApiServerDeps.reviews}. */
  readonly reviews: Readonly<Record<string, Review>>;
}

export async function openAccess({ options, store, keys, clock, log }: Foundation): Promise<Access> {
  const reader = createStoreReader(store);
  const identities = new NodeIdentities(reader);
  const connections = new NodeConnections();
  identities.onChange((node) => identities.isRevoked(node) && connections.cut(node));
  const tokens = new ServiceAccountTokens({
    key: keys.current.serviceAccountKey,
    issuer: `https://kubernetes.default.svc.${options.clusterDomain}`,
    reader,
    nodes: identities,
    clock,
  });
  const bootstrap = new BootstrapTokenAuthenticator(reader, clock);
  const oidc = await openLogin(options, clock, log);
  const rbac = new RbacAuthorizer(reader);
  const authorizer = new UnionAuthorizer([new NodeAuthorizer(reader), rbac]);
  return {
    reader,
    identities,
    tokens,
    authenticators: [
      connections.noting(new ClientCertificateAuthenticator(identities)),
      connections.noting(tokens),
      bootstrap,
      ...(oidc ? [oidc] : []),
    ],
    rbac,
    authorizer,
    reviews: {
      ...accessReviews({ authorizer, rbac }),
      selfsubjectreviews: (body, { user }) => reviewSelf(body as SelfSubjectReview, user),
      tokenreviews: (body) => reviewToken({ tokens, bootstrap, others: oidc && [oidc] }, body as TokenReview),
    },
  };
}

/** The login of people at an OpenID Connect issuer, where one is named. */
async function openLogin(options: ServerOptions, clock: Clock, log: Logger) {
  if (!options.oidcIssuerUrl) return undefined;
  const { openOidc } = await import('#server/apiserver/authn/oidc/open-oidc.ts');
  return openOidc(
    {
      issuer: options.oidcIssuerUrl,
      clientId: options.oidcClientId,
      caFile: options.oidcCaFile,
      usernameClaim: options.oidcUsernameClaim,
      usernamePrefix: options.oidcUsernamePrefix || undefined,
      groupsClaim: options.oidcGroupsClaim,
      groupsPrefix: options.oidcGroupsPrefix,
      requiredClaims: options.oidcRequiredClaim,
      algorithms: options.oidcSigningAlgs.split(','),
    },
    clock,
    log,
  );
}
