import type { ObjectReader } from '#server/apiserver/authn/object-reader.ts';
import type { AuthorizationRequest, Authorizer, Decision } from '#server/apiserver/authz/authorizer.ts';
import { NodeAuthorizer } from '#server/apiserver/authz/node-authorizer.ts';
import { RbacAuthorizer } from '#server/apiserver/authz/rbac.ts';
import { UnionAuthorizer } from '#server/apiserver/authz/union.ts';

/** All authorizers as one, with RBAC at hand for those who ask for rules and not for a decision. */
export interface ClusterAuthorizer extends Authorizer {
  readonly rbac: RbacAuthorizer;
  authorize(request: AuthorizationRequest): Promise<Decision>;
  /** Stops following the store. */
  close(): void;
}

/** `system:masters`, then nodes, then roles: the first that allows or denies decides. */
export function createAuthorizer(reader: ObjectReader): ClusterAuthorizer {
  const nodes = new NodeAuthorizer(reader);
  const rbac = new RbacAuthorizer(reader);
  const union = new UnionAuthorizer([nodes, rbac]);
  return {
    rbac,
    authorize: (request) => union.authorize(request),
    close: () => {
      nodes.close();
      rbac.close();
    },
  };
}
