import { type FieldError, invalidValue } from '#proto/meta/field-error.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import { badRequest, invalid } from '#proto/meta/status-error.ts';
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
import {
  readFieldSelector,
  readLabelSelector,
  selectorProblems,
} from '#server/apiserver/authz/review-selectors.ts';

type Attributes = Pick<SubjectAccessReviewSpec, 'resourceAttributes' | 'nonResourceAttributes'>;

/** `kubectl auth can-i`. */
export async function reviewSelfAccess(
  authorizer: Authorizer,
  review: SelfSubjectAccessReview,
  user: UserInfo,
): Promise<SelfSubjectAccessReview> {
  refuse([...attributeProblems(review.spec), ...metadataProblems(review, 'must be empty')]);
  return { ...review, status: await decide(authorizer, user, review.spec) };
}

/** May the user of the review? Asked by those who delegate their authorization. */
export async function reviewAccess(
  authorizer: Authorizer,
  review: SubjectAccessReview,
): Promise<SubjectAccessReview> {
  refuse([...specProblems(review.spec), ...metadataProblems(review, 'must be empty')]);
  return { ...review, status: await decide(authorizer, userOf(review.spec), review.spec) };
}

/** The same, by somebody who may ask in one namespace only. */
export async function reviewLocalAccess(
  authorizer: Authorizer,
  review: LocalSubjectAccessReview,
  namespace: string | undefined,
): Promise<LocalSubjectAccessReview> {
  const { resourceAttributes: asked, nonResourceAttributes: path } = review.spec ?? {};
  const { namespace: _, ...others } = review.metadata;
  const problems = [
    ...specProblems(review.spec),
    ...metadataProblems({ metadata: others }, 'must be empty except for namespace'),
  ];
  if (asked && (asked.namespace ?? '') !== namespace)
    problems.push(
      invalidValue(
        'spec.resourceAttributes.namespace',
        asked.namespace ?? '',
        'must match metadata.namespace',
      ),
    );
  if (path)
    problems.push(
      invalidValue('spec.nonResourceAttributes', shown(path), 'disallowed on this kind of request'),
    );
  refuse(problems);
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

/** As upstream's reviews say it: their kind stays empty. */
function refuse(problems: FieldError[]): void {
  if (problems.length > 0) throw invalid({ group: 'authorization.k8s.io', kind: '' }, '', problems);
}

const shown = ({ path = '', verb = '' }: { path?: string | undefined; verb?: string | undefined }) => ({
  Path: path,
  Verb: verb,
});

function attributeProblems(spec: Attributes | undefined): FieldError[] {
  const { resourceAttributes: about, nonResourceAttributes: path } = spec ?? {};
  const problems: FieldError[] = [];
  if (about && path)
    problems.push(
      invalidValue(
        'spec.nonResourceAttributes',
        shown(path),
        'cannot be specified in combination with resourceAttributes',
      ),
    );
  if (!about && !path)
    problems.push(
      invalidValue(
        'spec.resourceAttributes',
        null,
        'exactly one of nonResourceAttributes or resourceAttributes must be specified',
      ),
    );
  return [...problems, ...selectorProblems(about ?? {})];
}

function specProblems(spec: SubjectAccessReviewSpec | undefined): FieldError[] {
  const { user = '', groups = [] } = spec ?? {};
  if (user !== '' || groups.length > 0) return attributeProblems(spec);
  const nobody = invalidValue('spec.user', user, 'at least one of user or group must be specified');
  return [...attributeProblems(spec), nobody];
}

function metadataProblems({ metadata }: KubeObject, detail: string): FieldError[] {
  const { managedFields: _, ...own } = metadata;
  return Object.values(own).some((value) => value !== undefined)
    ? [invalidValue('metadata', own, detail)]
    : [];
}

function userOf(spec: SubjectAccessReviewSpec | undefined): UserInfo {
  const { user = '', groups = [], uid, extra } = spec ?? {};
  return { name: user, groups, ...(uid ? { uid } : {}), ...(extra ? { extra } : {}) };
}

async function decide(
  authorizer: Authorizer,
  user: UserInfo,
  spec: Attributes | undefined,
): Promise<SubjectAccessReviewStatus> {
  const { resourceAttributes: about, nonResourceAttributes: path } = spec ?? {};
  const field = readFieldSelector(about?.fieldSelector);
  const label = readLabelSelector(about?.labelSelector);
  const request: AuthorizationRequest = path
    ? { kind: 'path', user, verb: path.verb ?? '', path: path.path ?? '' }
    : {
        kind: 'resource',
        user,
        verb: about?.verb ?? '',
        group: about?.group ?? '',
        version: about?.version || '*',
        resource: about?.resource ?? '',
        subresource: about?.subresource || undefined,
        namespace: about?.namespace || undefined,
        name: about?.name || undefined,
        labelSelector: label.selector,
        fieldSelector: field.selector,
      };
  const { allowed, denied, reason } = await authorizer.authorize(request);
  const errors = [field.error, label.error].filter((error) => error !== undefined);
  return {
    allowed,
    ...(denied ? { denied } : {}),
    ...(reason ? { reason } : {}),
    ...(errors.length > 0 ? { evaluationError: errors.join('; ') } : {}),
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
