import {
  duplicate,
  type FieldError,
  forbiddenField,
  invalidValue,
  notSupported,
  required,
} from '#proto/meta/field-error.ts';
import type {
  FlowSchema,
  NonResourcePolicyRule,
  PolicyRulesWithSubjects,
  ResourcePolicyRule,
  Subject,
} from '#proto/schema/generated/flowcontrol-v1.ts';
import { defaultFlowSchemas, MANDATORY } from '#server/registry/flowcontrol/default-objects.ts';
import type { Strategy } from '#server/registry/strategy.ts';
import { eachAt, isSame } from '#server/registry/validation/field-checks.ts';
import { dnsLabelProblems, dnsSubdomainProblems } from '#server/registry/validation/names.ts';

const MAX_PRECEDENCE = 10_000;
const VERBS = ['get', 'list', 'create', 'update', 'delete', 'deletecollection', 'patch', 'watch', 'proxy'];

/** Which requests belong together. Rule: upstream's `pkg/apis/flowcontrol/validation`. */
export const flowSchema: Strategy<FlowSchema> = {
  applyDefaults: (object) => {
    if (object.spec) object.spec.matchingPrecedence ||= 1000;
  },
  prepareForCreate: (object) => {
    object.status = {};
  },
  validate: (object, { subresource }) =>
    subresource === 'status'
      ? statusProblems(object.status)
      : [...specProblems(object), ...statusProblems(object.status)],
};

/** Of both kinds. */
export const statusProblems = (
  status: { conditions?: { type?: string | undefined }[] | undefined } | undefined,
) =>
  eachAt(status?.conditions, 'status.conditions', ({ type }, at): FieldError[] => {
    if (!type) return [required(`${at}.type`)];
    const first = status?.conditions?.findIndex((one) => one.type === type);
    return at.endsWith(`[${first}]`) ? [] : [duplicate(`${at}.type`, type)];
  });

function specProblems({ metadata: { name = '' }, spec }: FlowSchema): FieldError[] {
  const errors: FieldError[] = [];
  const precedence = spec?.matchingPrecedence ?? 0;
  const refuse = (text: string): void =>
    void errors.push(invalidValue('spec.matchingPrecedence', precedence, text));
  if (precedence <= 0) refuse('must be a positive value');
  if (precedence > MAX_PRECEDENCE) refuse(`must not be greater than ${MAX_PRECEDENCE}`);
  if (precedence === 1 && name !== 'exempt')
    refuse("only the schema named 'exempt' may have matchingPrecedence 1");
  const method = spec?.distinguisherMethod;
  if (method && method.type !== 'ByUser' && method.type !== 'ByNamespace')
    errors.push(notSupported('spec.distinguisherMethod.type', method, ['ByNamespace', 'ByUser']));
  const level = spec?.priorityLevelConfiguration?.name;
  const at = 'spec.priorityLevelConfiguration.name';
  if (!level) errors.push(required(at, 'must reference a priority level'));
  else errors.push(...dnsSubdomainProblems(level).map((text) => invalidValue(at, level, text)));
  errors.push(...eachAt(spec?.rules, 'spec.rules', ruleProblems));
  const fixed = MANDATORY.includes(name) && defaultFlowSchemas().find((one) => one.metadata.name === name);
  if (fixed && !isSame(fixed.spec, spec))
    errors.push(invalidValue('spec', spec, `spec of '${name}' must equal the fixed value`));
  return errors;
}

const ruleProblems = (
  { subjects, resourceRules, nonResourceRules }: PolicyRulesWithSubjects,
  at: string,
): FieldError[] => [
  ...(subjects?.length ? [] : [required(`${at}.subjects`, 'subjects must contain at least one value')]),
  ...eachAt(subjects, `${at}.subjects`, subjectProblems),
  ...(resourceRules?.length || nonResourceRules?.length
    ? []
    : [required(at, 'at least one of resourceRules and nonResourceRules has to be non-empty')]),
  ...eachAt(resourceRules, `${at}.resourceRules`, resourceProblems),
  ...eachAt(nonResourceRules, `${at}.nonResourceRules`, pathProblems),
];

const FIELDS = { ServiceAccount: 'serviceAccount', User: 'user', Group: 'group' } as const;

function subjectProblems(subject: Subject, at: string): FieldError[] {
  if (!Object.hasOwn(FIELDS, subject.kind))
    return [notSupported(`${at}.kind`, subject.kind, Object.keys(FIELDS))];
  const own = FIELDS[subject.kind as keyof typeof FIELDS];
  const others = Object.entries(FIELDS).filter(([, field]) => field !== own && subject[field]);
  return [
    ...(subject[own]
      ? namedProblems(subject, own, `${at}.${own}`)
      : [required(`${at}.${own}`, `${own} is required when subject kind is '${subject.kind}'`)]),
    ...others.map(([kind, field]) =>
      forbiddenField(`${at}.${field}`, `${field} is forbidden when subject kind is not '${kind}'`),
    ),
  ];
}

function namedProblems(subject: Subject, own: 'serviceAccount' | 'user' | 'group', at: string): FieldError[] {
  const name = subject[own]?.name;
  const errors = name ? [] : [required(`${at}.name`)];
  if (own !== 'serviceAccount') return errors;
  const { namespace = '' } = subject.serviceAccount ?? {};
  if (name && name !== '*')
    errors.push(...dnsSubdomainProblems(name).map((text) => invalidValue(`${at}.name`, name, text)));
  if (namespace === '')
    errors.push(required(`${at}.namespace`, 'must specify namespace for service account'));
  else
    errors.push(
      ...dnsLabelProblems(namespace).map((text) => invalidValue(`${at}.namespace`, namespace, text)),
    );
  return errors;
}

/** A list with something in it, and a wildcard in it only by itself. */
function listProblems(
  list: readonly string[] | undefined,
  at: string,
  empty: string,
  others: string,
): FieldError[] {
  if (!list?.length) return [required(at, empty)];
  return list.includes('*') && list.length > 1
    ? [invalidValue(at, list, `if '*' is present, must not specify other ${others}`)]
    : [];
}

function verbProblems(verbs: readonly string[] | undefined, at: string): FieldError[] {
  const errors = listProblems(verbs, at, 'verbs must contain at least one value', 'verbs');
  const isKnown = verbs?.includes('*') || verbs?.every((verb) => VERBS.includes(verb));
  return errors.length > 0 || isKnown ? errors : [notSupported(at, verbs, VERBS)];
}

function resourceProblems(rule: ResourcePolicyRule, at: string): FieldError[] {
  const { verbs, apiGroups, resources, namespaces = [], clusterScope } = rule;
  const errors = [
    ...verbProblems(verbs, `${at}.verbs`),
    ...listProblems(
      apiGroups,
      `${at}.apiGroups`,
      'resource rules must supply at least one api group',
      'api groups',
    ),
    ...listProblems(
      resources,
      `${at}.resources`,
      'resource rules must supply at least one resource',
      'resources',
    ),
  ];
  const list = `${at}.namespaces`;
  if (namespaces.length === 0 && clusterScope) return errors;
  const empty = 'resource rules that are not cluster scoped must supply at least one namespace';
  errors.push(...listProblems(namespaces, list, empty, 'namespaces'));
  if (namespaces.includes('*')) return errors;
  return [
    ...errors,
    ...eachAt(namespaces, list, (namespace, where) =>
      dnsLabelProblems(namespace).map((text) =>
        invalidValue(where, namespace, `each member of this list must be '*' or a DNS-1123 label; ${text}`),
      ),
    ),
  ];
}

function pathProblems({ verbs, nonResourceURLs }: NonResourcePolicyRule, at: string): FieldError[] {
  const list = `${at}.nonResourceURLs`;
  const errors = [
    ...verbProblems(verbs, `${at}.verbs`),
    ...listProblems(
      nonResourceURLs,
      list,
      'nonResourceURLs must contain at least one value',
      'non-resource URLs',
    ),
  ];
  if (nonResourceURLs?.includes('*')) return errors;
  return [
    ...errors,
    ...eachAt(nonResourceURLs, list, (url, where) => {
      const problem = pathProblem(url);
      return problem ? [invalidValue(where, url, problem)] : [];
    }),
  ];
}

function pathProblem(url: string): string | undefined {
  if (url === '') return 'must not be empty';
  if (url === '/') return undefined;
  if (!url.startsWith('/')) return 'must start with slash';
  if (url.includes(' ')) return 'must not contain white-space';
  if (url.includes('//')) return 'must not contain double slash';
  const wildcards = url.split('*').length - 1;
  return wildcards > 1 || (wildcards === 1 && !url.endsWith('/*'))
    ? 'wildcard can only do suffix matching'
    : undefined;
}
