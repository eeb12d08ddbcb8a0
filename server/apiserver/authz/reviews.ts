import type { KubeObject } from '#proto/meta/object.ts';
import { badRequest } from '#proto/meta/status-error.ts';
import type {
  LocalSubjectAccessReview,
  SelfSubjectAccessReview,
  SelfSubjectRulesReview,
  SubjectAccessReview,
  SubjectAccessReviewSpec,
  SubjectAccessReviewStatus,
} from '#proto/schema/generated/authorization-v1.ts';
import type { PolicyRule } from '#proto/schema/generated/rbac-v1.ts';
import type { UserInfo } from '#server/apiserver/authn/authenticator.ts';
import type { AuthorizationRequest, Authorizer } from '#server/apiserver/authz/authorizer.ts';
import { nodeNameOf } from '#server/apiserver/authz/node-authorizer.ts';
import type { RbacAuthorizer } from '#server/apiserver/authz/rbac.ts';

type Attributes = Pick<SubjectAccessReviewSpec, 'resourceAttributes' | 'nonResourceAttributes'>;

/** `kubectl auth can-i`. */
export async function reviewSelfAccess(
  authorizer: Authorizer,
  review: SelfSubjectAccessReview,
  user: UserInfo,
): Promise<SelfSubjectAccessReview> {
  return { ...review, status: await decide(authorizer, user, review.spec) };
}

/** May the user of the review? Asked by those who delegate their authorization. */
export async function reviewAccess(
  authorizer: Authorizer,
  review: SubjectAccessReview,
): Promise<SubjectAccessReview> {
  return { ...review, status: await decide(authorizer, userOf(review.spec), review.spec) };
}

/** The same, by somebody who may ask in one namespace only. */
export async function reviewLocalAccess(
  authorizer: Authorizer,
  review: LocalSubjectAccessReview,
  namespace: string | undefined,
): Promise<LocalSubjectAccessReview> {
  const asked = review.spec?.resourceAttributes;
  if (!asked) throw badRequest('spec.resourceAttributes: Required value');
  if ((asked.namespace ?? '') !== namespace) {
    throw badRequest('spec.resourceAttributes.namespace must match metadata.namespace');
  }
  return { ...review, status: await decide(authorizer, userOf(review.spec), review.spec) };
}

/** `kubectl auth can-i --list`. */
export function reviewSelfRules(
  rbac: RbacAuthorizer,
  review: SelfSubjectRulesReview,
  user: UserInfo,
): SelfSubjectRulesReview {
  const namespace = review.spec?.namespace;
  if (!namespace) throw badRequest('no namespace on request');
  const { rules, errors } = rbac.rulesFor(user, namespace);
  const isNode = nodeNameOf(user) !== undefined;
  if (isNode) errors.push('node authorizer does not support user rule resolution');
  return {
    ...review,
    status: {
      resourceRules: rules.filter((r) => r.resources?.length).map(resourceRule),
      nonResourceRules: rules
        .filter((r) => r.nonResourceURLs?.length)
        .map(({ verbs, nonResourceURLs }) => ({ verbs, nonResourceURLs })),
      incomplete: errors.length > 0,
      ...(errors.length > 0 ? { evaluationError: errors.join(', ') } : {}),
    },
  };
}

const resourceRule = ({ verbs, apiGroups, resources, resourceNames }: PolicyRule) => ({
  verbs,
  apiGroups,
  resources,
  ...(resourceNames?.length ? { resourceNames } : {}),
});

function userOf(spec: SubjectAccessReviewSpec | undefined): UserInfo {
  const { user = '', groups = [], uid, extra } = spec ?? {};
  if (user === '' && groups.length === 0) {
    throw badRequest('spec.user: Invalid value: "": at least one of user or group must be specified');
  }
  return { name: user, groups, ...(uid ? { uid } : {}), ...(extra ? { extra } : {}) };
}

async function decide(
  authorizer: Authorizer,
  user: UserInfo,
  spec: Attributes | undefined,
): Promise<SubjectAccessReviewStatus> {
  const { allowed, denied, reason } = await authorizer.authorize(requestOf(user, spec));
  return { allowed, ...(denied ? { denied } : {}), ...(reason ? { reason } : {}) };
}

function requestOf(user: UserInfo, spec: Attributes | undefined): AuthorizationRequest {
  const { resourceAttributes: about, nonResourceAttributes: path } = spec ?? {};
  if (!!about === !!path) {
    throw badRequest('exactly one of nonResourceAttributes or resourceAttributes must be specified');
  }
  if (path) return { kind: 'path', user, verb: path.verb ?? '', path: path.path ?? '' };
  return {
    kind: 'resource',
    user,
    verb: about?.verb ?? '',
    group: about?.group ?? '',
    version: about?.version ?? '',
    resource: about?.resource ?? '',
    subresource: about?.subresource || undefined,
    namespace: about?.namespace || undefined,
    name: about?.name || undefined,
    labelSelector: about?.labelSelector?.rawSelector,
    fieldSelector: about?.fieldSelector?.rawSelector,
  };
}

/** By plural, as the API server asks for them. */
export const accessReviews = (deps: { readonly authorizer: Authorizer; readonly rbac: RbacAuthorizer }) => ({
  selfsubjectaccessreviews: (body: KubeObject, { user }: { user: UserInfo }) =>
    reviewSelfAccess(deps.authorizer, body as SelfSubjectAccessReview, user),
  subjectaccessreviews: (body: KubeObject) => reviewAccess(deps.authorizer, body as SubjectAccessReview),
  localsubjectaccessreviews: (body: KubeObject, { namespace }: { namespace: string | undefined }) =>
    reviewLocalAccess(deps.authorizer, body as LocalSubjectAccessReview, namespace),
  selfsubjectrulesreviews: (body: KubeObject, { user }: { user: UserInfo }) =>
    reviewSelfRules(deps.rbac, body as SelfSubjectRulesReview, user),
});
