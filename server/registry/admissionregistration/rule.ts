import { type FieldError, invalidValue, notSupported, required } from '#proto/meta/field-error.ts';
import type { RuleWithOperations } from '#proto/schema/generated/admissionregistration-v1.ts';
import { eachAt, oneOfOptional } from '#server/registry/validation/field-checks.ts';

const OPERATIONS = ['*', 'CONNECT', 'CREATE', 'DELETE', 'UPDATE'];
const SCOPES = ['*', 'Cluster', 'Namespaced'];

/** What a rule of webhooks and policies matches. Rule: `validateRuleWithOperations` of pkg/apis/admissionregistration. */
export function validateRule(rule: RuleWithOperations, path: string): FieldError[] {
  const { operations = [], apiGroups, apiVersions, resources, scope } = rule;
  return [
    ...someOf(operations, `${path}.operations`, 'operations'),
    ...eachAt(operations, `${path}.operations`, (operation, at) =>
      OPERATIONS.includes(operation) ? [] : [notSupported(at, operation, OPERATIONS)],
    ),
    ...someOf(apiGroups, `${path}.apiGroups`, 'API groups'),
    ...someOf(apiVersions, `${path}.apiVersions`, 'API versions'),
    ...eachAt(apiVersions, `${path}.apiVersions`, (version, at) => (version ? [] : [required(at)])),
    ...validateResources(resources ?? [], `${path}.resources`),
    ...oneOfOptional(`${path}.scope`, scope, SCOPES),
  ];
}

function someOf(values: readonly string[] | undefined, path: string, what: string): FieldError[] {
  if (!values?.length) return [required(path)];
  if (values.length === 1 || !values.includes('*')) return [];
  return [invalidValue(path, values, `if '*' is present, must not specify other ${what}`)];
}

/** `pods`, `pods/status`, `pods/*`, `*` followed by a subresource, and `*` alone: none may say again what another says. */
function validateResources(resources: readonly string[], path: string): FieldError[] {
  if (resources.length === 0) return [required(path)];
  const errors: FieldError[] = [];
  const withAllSubresources = new Set<string>();
  const ofAllResources = new Set<string>();
  let isPlain = false;
  for (const [i, entry] of resources.entries()) {
    const at = `${path}[${i}]`;
    if (entry === '') {
      errors.push(required(at));
      continue;
    }
    const slash = entry.indexOf('/');
    if (slash < 0) {
      isPlain = entry !== '*';
      continue;
    }
    const resource = entry.slice(0, slash);
    const sub = entry.slice(slash + 1);
    const clash = (present: string): void => {
      errors.push(invalidValue(at, entry, `if '${present}' is present, must not specify ${entry}`));
    };
    if (withAllSubresources.has(resource)) clash(`${resource}/*`);
    if (ofAllResources.has(sub)) clash(`*/${sub}`);
    if (sub === '*') withAllSubresources.add(resource);
    if (resource === '*') ofAllResources.add(sub);
  }
  if (resources.length > 1 && resources.includes('*/*')) {
    const detail = "if '*/*' is present, must not specify other resources";
    errors.push(invalidValue(path, resources, detail));
  }
  if (isPlain && resources.includes('*')) {
    const detail = "if '*' is present, must not specify other resources without subresources";
    errors.push(invalidValue(path, resources, detail));
  }
  return errors;
}
