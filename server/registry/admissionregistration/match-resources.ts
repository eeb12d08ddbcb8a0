import {
  duplicate,
  type FieldError,
  forbiddenField,
  invalidValue,
  notSupported,
  required,
} from '#proto/meta/field-error.ts';
import type {
  MatchResources,
  NamedRuleWithOperations,
  ParamKind,
  ParamRef,
} from '#proto/schema/generated/admissionregistration-v1.ts';
import { validateRule } from '#server/registry/admissionregistration/rule.ts';
import { eachAt, oneOf, problemsAt } from '#server/registry/validation/field-checks.ts';
import {
  dns1035LabelProblems,
  dnsSubdomainProblems,
  pathSegmentProblems,
} from '#server/registry/validation/names.ts';
import { validateLabelSelector } from '#server/registry/validation/selectors.ts';

/** What policies and their bindings share: what they match, and where their parameters come from. */
export function applyMatchDefaults(match: MatchResources | undefined): void {
  if (!match) return;
  match.matchPolicy ??= 'Equivalent';
  match.namespaceSelector ??= {};
  match.objectSelector ??= {};
  for (const rule of [...(match.resourceRules ?? []), ...(match.excludeResourceRules ?? [])])
    rule.scope ??= '*';
}

/** Rule: `validateMatchResources` of pkg/apis/admissionregistration. */
export function validateMatchResources(match: MatchResources | undefined, path: string): FieldError[] {
  if (!match) return [];
  return [
    ...oneOf(`${path}.matchPolicy`, match.matchPolicy, ['Equivalent', 'Exact']),
    ...validateLabelSelector(match.namespaceSelector, `${path}.namespaceSelector`),
    ...validateLabelSelector(match.objectSelector, `${path}.objectSelector`),
    ...eachAt(match.resourceRules, `${path}.resourceRules`, validateNamedRule),
    ...eachAt(match.excludeResourceRules, `${path}.excludeResourceRules`, validateNamedRule),
  ];
}

/** Of a policy: there must be rules, or there would be no types. */
export function validateMatchConstraints(match: MatchResources | undefined): FieldError[] {
  const path = 'spec.matchConstraints';
  if (!match) return [required(path)];
  const errors = validateMatchResources(match, path);
  return match.resourceRules?.length ? errors : [...errors, required(`${path}.resourceRules`)];
}

function validateNamedRule(rule: NamedRuleWithOperations, path: string): FieldError[] {
  const names = rule.resourceNames ?? [];
  return [
    ...names.flatMap((name, i) => {
      const at = `${path}.resourceNames[${i}]`;
      const errors = problemsAt(at, name, pathSegmentProblems(name));
      return names.indexOf(name) < i ? [...errors, duplicate(at, name)] : errors;
    }),
    ...validateRule(rule, path),
  ];
}

const MUTABLE = ['*', 'CONNECT', 'CREATE', 'UPDATE'];

/** What is deleted can't be changed. */
export const validateMutableOperations = (match: MatchResources | undefined, path: string): FieldError[] =>
  (match?.resourceRules ?? [])
    .flatMap(({ operations }) => operations ?? [])
    .filter((operation) => !MUTABLE.includes(operation))
    .map((operation) => notSupported(`${path}.resourceRules.operations`, operation, MUTABLE));

export function validateParamKind(kind: ParamKind | undefined): FieldError[] {
  if (!kind) return [];
  const path = 'spec.paramKind';
  const errors = validateApiVersion(kind.apiVersion ?? '', `${path}.apiVersion`);
  if (!kind.kind) return [...errors, required(`${path}.kind`)];
  const problems = dns1035LabelProblems(kind.kind.toLowerCase());
  if (problems.length === 0) return errors;
  const detail = `may have mixed case, but should otherwise match: ${problems.join(',')}`;
  return [...errors, invalidValue(`${path}.kind`, kind.kind, detail)];
}

function validateApiVersion(apiVersion: string, path: string): FieldError[] {
  if (apiVersion === '') return [required(path)];
  const parts = apiVersion.split('/');
  if (parts.length > 2)
    return [invalidValue(path, apiVersion, `unexpected GroupVersion string: ${apiVersion}`)];
  const [version = '', group = ''] = parts.reverse();
  const errors = group === '' ? [] : joined(path, group, dnsSubdomainProblems(group));
  if (version === '') return [...errors, invalidValue(path, apiVersion, 'version must be specified')];
  return [...errors, ...joined(path, version, dns1035LabelProblems(version))];
}

const joined = (path: string, value: string, problems: readonly string[]): FieldError[] =>
  problems.length === 0 ? [] : [invalidValue(path, value, problems.join(','))];

const EXCLUSIVE = 'name and selector are mutually exclusive';

export function validateParamRef(ref: ParamRef | undefined): FieldError[] {
  if (!ref) return [];
  const path = 'spec.paramRef';
  const { name, selector, parameterNotFoundAction: action } = ref;
  const errors: FieldError[] = [];
  if (name) {
    errors.push(...problemsAt(`${path}.name`, name, pathSegmentProblems(name)));
    if (selector) errors.push(forbiddenField(`${path}.name`, EXCLUSIVE));
  }
  if (selector) {
    errors.push(...validateLabelSelector(selector, `${path}.selector`));
    if (name) errors.push(forbiddenField(`${path}.selector`, EXCLUSIVE));
  }
  if (!name && !selector) errors.push(required(path, 'one of name or selector must be specified'));
  if (!action) return [...errors, required(`${path}.parameterNotFoundAction`)];
  if (action === 'Deny' || action === 'Allow') return errors;
  const error = notSupported(`${path}.parameterNotFoundAction`, action, []);
  // Upstream does not sort these two.
  return [...errors, { ...error, message: `${error.message}"Deny", "Allow"` }];
}
