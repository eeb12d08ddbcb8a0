import type { ValidationRule } from '#proto/schema/generated/apiextensions-v1.ts';
import type { CelEngine, CelEnvironment, CelProgram, SchemaSizes } from '#server/cel/engine.ts';
import { BOOL, type CelType, optionalOf, STRING } from '#server/cel/type.ts';
import { findFieldPath } from '#server/structural/field-path.ts';
import { itemSchema, type Structural } from '#server/structural/schema.ts';

/** A rule of `x-kubernetes-validations`, compiled as far as it could be. */
export interface CompiledRule {
  readonly rule: ValidationRule;
  readonly program?: CelProgram;
  /** Why there is no program. */
  readonly problem?: string;
  readonly usesOldSelf: boolean;
  readonly message?: CelProgram;
  readonly messageProblem?: string;
  /** Where the error of this rule is told, below the value that it is about. */
  readonly fieldPath?: string;
}

/** The rules of a schema and of all that is inside of it. */
export interface RuleNode {
  readonly schema: Structural;
  readonly type: CelType | undefined;
  readonly rules: readonly CompiledRule[];
  /** Where costs are estimated. */
  readonly sizes: SchemaSizes | undefined;
  readonly items: RuleNode | undefined;
  readonly entries: RuleNode | undefined;
  readonly properties: ReadonlyMap<string, RuleNode>;
}

export function hasRules(schema: Structural | undefined): boolean {
  if (!schema) return false;
  if (schema['x-kubernetes-validations']?.length) return true;
  const { properties = {}, additionalProperties } = schema;
  return (
    hasRules(itemSchema(schema)) ||
    Object.values(properties).some(hasRules) ||
    (typeof additionalProperties === 'object' && hasRules(additionalProperties))
  );
}

interface CompileOptions {
  readonly isResourceRoot?: boolean | undefined;
  /** Programs say what they cost at most. */
  readonly estimates?: boolean | undefined;
}

/** Compiles all rules of a schema; undefined where it has none. Rule: apiextensions-apiserver `schema/cel`. */
export function compileRules(
  cel: CelEngine,
  schema: Structural,
  {
    isResourceRoot = schema['x-kubernetes-embedded-resource'] === true,
    estimates = false,
  }: CompileOptions = {},
): RuleNode | undefined {
  if (!hasRules(schema)) return undefined;
  const type = cel.typeOfSchema(schema, { isResourceRoot });
  const items = itemSchema(schema);
  const { properties = {}, additionalProperties } = schema;
  const inner = (child: Structural): RuleNode | undefined => compileRules(cel, child, { estimates });
  const ownRules = schema['x-kubernetes-validations'] ?? [];
  const sizes = estimates && ownRules.length > 0 ? cel.sizesOfSchema(schema, { isResourceRoot }) : undefined;
  return {
    schema,
    type,
    rules: ownRules.map((rule) => compileRule(cel, schema, type, sizes, rule)),
    sizes,
    items: items && inner(items),
    entries: typeof additionalProperties === 'object' ? inner(additionalProperties) : undefined,
    properties: new Map(
      Object.entries(properties).flatMap(([key, property]) => {
        const node = inner(property);
        return node ? [[key, node] as const] : [];
      }),
    ),
  };
}

function compileRule(
  cel: CelEngine,
  schema: Structural,
  type: CelType | undefined,
  sizes: SchemaSizes | undefined,
  rule: ValidationRule,
): CompiledRule {
  if (!type)
    return {
      rule,
      usesOldSelf: false,
      problem: 'failed to convert to declType for CEL validation rules',
    };
  const variables = { self: type, oldSelf: rule.optionalOldSelf ? optionalOf(type) : type };
  const compiled = cel.compile(rule.rule, { variables, result: [BOOL], sizes });
  if ('problem' in compiled)
    return {
      rule,
      usesOldSelf: false,
      problem: compiled.issues === undefined ? 'cel expression must evaluate to a bool' : compiled.problem,
    };
  const { program } = compiled;
  const found = rule.fieldPath ? findFieldPath(rule.fieldPath, schema) : undefined;
  return {
    rule,
    program,
    usesOldSelf: program.variables.has('oldSelf'),
    ...compileMessage(cel, { variables, sizes }, rule.messageExpression),
    ...(found && 'path' in found ? { fieldPath: found.path } : {}),
  };
}

function compileMessage(
  cel: CelEngine,
  environment: CelEnvironment,
  expression: string | undefined,
): Pick<CompiledRule, 'message' | 'messageProblem'> {
  if (!expression) return {};
  const compiled = cel.compile(expression, { ...environment, result: [STRING] });
  if ('program' in compiled) return { message: compiled.program };
  return {
    messageProblem:
      compiled.issues === undefined
        ? 'messageExpression must evaluate to a string'
        : `messageExpression compilation failed: ${compiled.issues}`,
  };
}
