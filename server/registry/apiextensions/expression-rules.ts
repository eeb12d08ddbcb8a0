import { type FieldError, internalError, invalidValue } from '#proto/meta/field-error.ts';
import type { JSONSchemaProps, ValidationRule } from '#proto/schema/generated/apiextensions-v1.ts';
import type { CelEngine } from '#server/cel/engine.ts';
import { type CompiledRule, compileRules, hasRules, type RuleNode } from '#server/structural/rules.ts';
import { itemsOf } from '#server/structural/schema-tree.ts';
import { validateRules } from '#server/structural/validate-rules.ts';

const NO_TYPE =
  'internal error: failed to construct type information for x-kubernetes-validations rules: unable to convert structural schema to CEL declarations';

/**
 * The rules in CEL of a schema that is valid otherwise: they compile, they compare only what can be found again after an
 * update, and defaults follow them.
 */
export function validateExpressions(cel: CelEngine, schema: JSONSchemaProps, path: string): FieldError[] {
  if (!hasRules(schema)) return [];
  const root = compileRules(cel, schema, true);
  return root ? [...validateNode(root, path, undefined), ...validateDefaults(cel, schema, path, true)] : [];
}

function validateNode(node: RuleNode, path: string, uncorrelated: string | undefined): FieldError[] {
  const rulesAt = `${path}.x-kubernetes-validations`;
  const errors =
    node.type || node.rules.length === 0
      ? node.rules.flatMap((rule, i) => validateRule(rule, `${rulesAt}[${i}]`, uncorrelated))
      : [internalError(rulesAt, NO_TYPE)];
  for (const [key, property] of node.properties)
    errors.push(...validateNode(property, `${path}.properties[${key}]`, uncorrelated));
  if (node.entries) errors.push(...validateNode(node.entries, `${path}.additionalProperties`, uncorrelated));
  if (node.items) {
    const isMap = node.schema['x-kubernetes-list-type'] === 'map';
    errors.push(...validateNode(node.items, `${path}.items`, uncorrelated ?? (isMap ? undefined : path)));
  }
  return errors;
}

function validateRule(compiled: CompiledRule, path: string, uncorrelated: string | undefined): FieldError[] {
  const { rule, problem, messageProblem, usesOldSelf } = compiled;
  const errors: FieldError[] = [];
  if (problem !== undefined) errors.push(invalidValue(`${path}.rule`, shown(rule), problem));
  if (messageProblem !== undefined)
    errors.push(invalidValue(`${path}.messageExpression`, shown(rule), messageProblem));
  if (usesOldSelf && uncorrelated !== undefined) {
    const detail = `oldSelf cannot be used on the uncorrelatable portion of the schema within ${uncorrelated}`;
    errors.push(invalidValue(`${path}.rule`, rule.rule, detail));
  } else if (!usesOldSelf && rule.optionalOldSelf !== undefined) {
    const detail = 'may not be set if oldSelf is not used in rule';
    errors.push(invalidValue(`${path}.optionalOldSelf`, rule.optionalOldSelf, detail));
  }
  return errors;
}

/** As the error of upstream shows it. */
const shown = (rule: ValidationRule): object => ({
  Rule: rule.rule,
  Message: rule.message ?? '',
  MessageExpression: rule.messageExpression ?? '',
  Reason: rule.reason ?? null,
  FieldPath: rule.fieldPath ?? '',
  OptionalOldSelf: rule.optionalOldSelf ?? null,
});

/** A default is valid where nothing was before, and where it was there already. */
function validateDefaults(
  cel: CelEngine,
  schema: JSONSchemaProps,
  path: string,
  isRoot = false,
): FieldError[] {
  const { default: value } = schema;
  const errors: FieldError[] = [];
  const node =
    value === undefined || value === null || !hasRules(schema)
      ? undefined
      : compileRules(cel, schema, isRoot || undefined);
  if (node) {
    const at = `${path}.default`;
    const kept = validateRules(cel, node, value, value, undefined, at);
    errors.push(...(kept.length > 0 ? kept : validateRules(cel, node, value, undefined, undefined, at)));
  }
  const items = itemsOf(schema);
  if (items) errors.push(...validateDefaults(cel, items, `${path}.items`));
  for (const [key, property] of Object.entries(schema.properties ?? {}))
    errors.push(...validateDefaults(cel, property, `${path}.properties[${key}]`));
  return errors;
}
