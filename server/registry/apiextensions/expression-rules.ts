import { type FieldError, internalError, invalidValue } from '#proto/meta/field-error.ts';
import type { JSONSchemaProps, ValidationRule } from '#proto/schema/generated/apiextensions-v1.ts';
import type { CelEngine } from '#server/cel/engine.ts';
import {
  type Cardinality,
  ExpressionCosts,
  innerCardinality,
} from '#server/registry/apiextensions/expression-costs.ts';
import { type CompiledRule, compileRules, hasRules, type RuleNode } from '#server/structural/rules.ts';
import { itemsOf } from '#server/structural/schema-tree.ts';
import { validateRules } from '#server/structural/validate-rules.ts';

const NO_TYPE =
  'internal error: failed to construct type information for x-kubernetes-validations rules: unable to convert structural schema to CEL declarations';

/**
 * The rules in CEL of a schema that is valid otherwise: they compile, they compare only what can be found again after an
 * update, and defaults follow them.
 */
export function validateExpressions(
  cel: CelEngine,
  schema: JSONSchemaProps,
  path: string,
  isUnchanged: boolean,
): FieldError[] {
  const root = compileRules(cel, schema, { isResourceRoot: true, estimates: true });
  if (!root) return [];
  const costs = new ExpressionCosts(isUnchanged);
  return [
    ...validateNode(root, path, { costs, cardinality: 1, uncorrelated: undefined }),
    ...costs.verdict(path),
    ...validateDefaults(cel, schema, path, true),
  ];
}

/** What holds for a schema because of those around it. */
interface Surroundings {
  readonly costs: ExpressionCosts;
  readonly cardinality: Cardinality;
  /** The list around it whose items can't be found again after an update. */
  readonly uncorrelated: string | undefined;
}

function validateNode(node: RuleNode, path: string, around: Surroundings): FieldError[] {
  const rulesAt = `${path}.x-kubernetes-validations`;
  const errors =
    node.type || node.rules.length === 0
      ? node.rules.flatMap((rule, i) => [
          ...validateCosts(node, rule, `${rulesAt}[${i}]`, around),
          ...validateRule(rule, `${rulesAt}[${i}]`, around.uncorrelated),
        ])
      : [internalError(rulesAt, NO_TYPE)];
  const inside = { ...around, cardinality: innerCardinality(node.schema, around.cardinality) };
  for (const [key, property] of node.properties)
    errors.push(...validateNode(property, `${path}.properties[${key}]`, inside));
  if (node.entries) errors.push(...validateNode(node.entries, `${path}.additionalProperties`, inside));
  if (node.items) {
    const isMap = node.schema['x-kubernetes-list-type'] === 'map';
    const uncorrelated = around.uncorrelated ?? (isMap ? undefined : path);
    errors.push(...validateNode(node.items, `${path}.items`, { ...inside, uncorrelated }));
  }
  return errors;
}

function validateCosts(
  { sizes }: RuleNode,
  { program, message }: CompiledRule,
  path: string,
  { costs, cardinality }: Surroundings,
): FieldError[] {
  return [
    ...costs.observeRule(path, program?.maxCost ?? 0, sizes?.minBytes ?? 0, cardinality),
    ...(message ? costs.observeMessage(path, message.maxCost ?? 0) : []),
  ];
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
      : compileRules(cel, schema, { isResourceRoot: isRoot || undefined });
  if (node) {
    const at = `${path}.default`;
    const kept = validateRules(cel, node, value, value, { path: at });
    errors.push(...(kept.length > 0 ? kept : validateRules(cel, node, value, undefined, { path: at })));
  }
  const items = itemsOf(schema);
  if (items) errors.push(...validateDefaults(cel, items, `${path}.items`));
  for (const [key, property] of Object.entries(schema.properties ?? {}))
    errors.push(...validateDefaults(cel, property, `${path}.properties[${key}]`));
  return errors;
}
