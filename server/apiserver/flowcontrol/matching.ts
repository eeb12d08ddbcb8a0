/** Which FlowSchema a request belongs to. Rule: upstream's `util/flowcontrol/rule.go`. */
import type {
  FlowSchema,
  NonResourcePolicyRule,
  PolicyRulesWithSubjects,
  ResourcePolicyRule,
  Subject,
} from '#proto/schema/generated/flowcontrol-v1.ts';
import type { UserInfo } from '#server/apiserver/authn/authenticator.ts';
import type { RequestedResource, RequestInfo } from '#server/apiserver/http/request-info.ts';

export const matchesSchema = ({ spec }: FlowSchema, info: RequestInfo, user: UserInfo): boolean =>
  spec?.rules?.some((rule) => matchesRule(rule, info, user)) ?? false;

const matchesRule = (rule: PolicyRulesWithSubjects, info: RequestInfo, user: UserInfo): boolean =>
  rule.subjects.some((subject) => matchesSubject(subject, user)) &&
  (info.resource
    ? (rule.resourceRules ?? []).some((one) => matchesResource(one, info.verb, info.resource))
    : (rule.nonResourceRules ?? []).some((one) => matchesPath(one, info)));

function matchesSubject(subject: Subject, { name, groups }: UserInfo): boolean {
  switch (subject.kind) {
    case 'User':
      return subject.user?.name === '*' || subject.user?.name === name;
    case 'Group':
      return subject.group?.name === '*' || groups.includes(subject.group?.name ?? '');
    case 'ServiceAccount': {
      const { namespace, name: account } = subject.serviceAccount ?? { namespace: '', name: '' };
      const prefix = `system:serviceaccount:${namespace}:`;
      return account === '*' ? name.startsWith(prefix) : name === prefix + account;
    }
    default:
      return false;
  }
}

/** A wildcard stands alone. */
const has = (list: readonly string[] | undefined, value: string): boolean =>
  list !== undefined && ((list.length === 1 && list[0] === '*') || list.includes(value));

function matchesResource(
  rule: ResourcePolicyRule,
  verb: string,
  resource: RequestedResource | undefined,
): boolean {
  if (!resource) return false;
  const { plural, subresource, group, namespace } = resource;
  return (
    has(rule.verbs, verb) &&
    has(rule.resources, subresource ? `${plural}/${subresource}` : plural) &&
    has(rule.apiGroups, group) &&
    (namespace === '' ? rule.clusterScope === true : has(rule.namespaces, namespace))
  );
}

const matchesPath = (
  { verbs, nonResourceURLs }: NonResourcePolicyRule,
  { verb, path }: RequestInfo,
): boolean =>
  has(verbs, verb) &&
  nonResourceURLs.some((url) => {
    if (url === '*' || url === path) return true;
    const prefix = url.replace(/\*$/, '');
    return path.startsWith(prefix.endsWith('/') ? prefix : `${prefix}/`);
  });
