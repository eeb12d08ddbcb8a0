import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { type FieldError, invalidValue, notSupported, required } from '#proto/meta/field-error.ts';
import { type AuditPolicy, type AuditRule, LEVELS, STAGES } from '#server/apiserver/audit/policy.plan.ts';
import { eachAt } from '#server/registry/validation/field-checks.ts';
import { dnsSubdomainProblems } from '#server/registry/validation/names.ts';

/** The policy in the file; throws with everything that is wrong with it. */
export function readAuditPolicy(file: string): AuditPolicy {
  const policy = (parse(readFileSync(file, 'utf8')) ?? {}) as Partial<AuditPolicy> & Record<string, unknown>;
  if (policy['apiVersion'] !== 'audit.k8s.io/v1' || policy['kind'] !== 'Policy')
    throw new Error(`${file} is not an audit.k8s.io/v1 Policy`);
  if (!Array.isArray(policy.rules) || policy.rules.length === 0)
    throw new Error(`${file}: loaded illegal policy with 0 rules`);
  const problems = problemsOf(policy as AuditPolicy);
  if (problems.length > 0)
    throw new Error(`${file}: ${problems.map(({ field, message }) => `${field}: ${message}`).join(', ')}`);
  return policy as AuditPolicy;
}

const problemsOf = ({ rules, omitStages }: AuditPolicy): FieldError[] => [
  ...stageProblems(omitStages, 'omitStages'),
  ...eachAt(rules, 'rules', ruleProblems),
];

function ruleProblems(rule: AuditRule, at: string): FieldError[] {
  const errors: FieldError[] = [];
  if (!rule.level) errors.push(required(`${at}.level`));
  else if (!LEVELS.includes(rule.level)) errors.push(notSupported(`${at}.level`, rule.level, LEVELS));
  (rule.nonResourceURLs ?? []).forEach((url, i) => {
    const field = `${at}.nonResourceURLs[${i}]`;
    if (url === '*') return;
    if (!url.startsWith('/'))
      errors.push(invalidValue(field, url, "non-resource URL rules must begin with a '/' character"));
    if (url.slice(0, -1).includes('*'))
      errors.push(
        invalidValue(field, url, "non-resource URL wildcards '*' must be the final character of the rule"),
      );
  });
  for (const { group = '', resources, resourceNames } of rule.resources ?? []) {
    const problems = group === '' || group === '*' ? [] : dnsSubdomainProblems(group);
    if (problems.length > 0) errors.push(invalidValue(`${at}.resources.group`, group, problems.join(',')));
    if (resourceNames?.length && !resources?.length)
      errors.push(
        invalidValue(
          `${at}.resources.resourceNames`,
          resourceNames,
          'using resourceNames requires at least one resource',
        ),
      );
  }
  errors.push(...stageProblems(rule.omitStages, `${at}.omitStages`));
  if (rule.nonResourceURLs?.length && (rule.resources?.length || rule.namespaces?.length))
    errors.push(
      invalidValue(
        `${at}.nonResourceURLs`,
        rule.nonResourceURLs,
        'rules cannot apply to both regular resources and non-resource URLs',
      ),
    );
  return errors;
}

const stageProblems = (stages: AuditPolicy['omitStages'], at: string): FieldError[] =>
  (stages ?? []).flatMap((stage, i) =>
    STAGES.includes(stage)
      ? []
      : [invalidValue(`${at}[${i}]`, stage, `allowed stages are ${STAGES.join(',')}`)],
  );
