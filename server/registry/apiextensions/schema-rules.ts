import { type FieldError, forbiddenField, invalidValue } from '#proto/meta/field-error.ts';
import type { JSONSchemaProps } from '#proto/schema/generated/apiextensions-v1.ts';
import type { CelEngine } from '#server/cel/engine.ts';
import { validateDefaults } from '#server/registry/apiextensions/default-rules.ts';
import { validateExpressions } from '#server/registry/apiextensions/expression-rules.ts';
import { type OpenApiOptions, validateOpenApi } from '#server/registry/apiextensions/open-api-rules.ts';
import { structuralProblem, validateStructural } from '#server/registry/apiextensions/structural-rules.ts';

/** What an update need not set right that was wrong before. */
export interface SchemaOptions extends OpenApiOptions {
  readonly requireStructural: boolean;
  readonly requirePrunedDefaults: boolean;
  /** Where there are rules to compile. */
  readonly cel: CelEngine | undefined;
}

/** What there is to know of a schema beside what it says. */
export interface SchemaFacts {
  /** Its versions have an endpoint for the status alone. */
  readonly hasStatus: boolean;
  /** It was the same before. */
  readonly isUnchanged: boolean;
}

/** As upstream names them: those that hold for `status` on its own as well. */
const ALLOWED_AT_ROOT =
  'Description Type Format Title Maximum ExclusiveMaximum Minimum ExclusiveMinimum MaxLength MinLength Pattern MaxItems MinItems UniqueItems MultipleOf Required Items Properties ExternalDocs Example XPreserveUnknownFields XValidations'.split(
    ' ',
  );

/** Rule: apiextensions-apiserver `validation.validateCustomResourceDefinitionValidation`. */
export function validateSchema(
  schema: JSONSchemaProps,
  parent: string,
  { hasStatus, isUnchanged }: SchemaFacts,
  options: SchemaOptions,
): FieldError[] {
  const path = `${parent}.openAPIV3Schema`;
  const errors = hasStatus ? validateRoot(schema, path) : [];
  if (schema.nullable) errors.push(forbiddenField(`${path}.nullable`, 'nullable cannot be true at the root'));
  const problem = options.requireStructural ? structuralProblem(schema) : undefined;
  if (options.requireStructural && problem === undefined) {
    const structural = validateStructural(schema, path);
    errors.push(
      ...(structural.length > 0 ? structural : validateDefaults(schema, path, options.requirePrunedDefaults)),
    );
  }
  errors.push(...validateOpenApi(schema, path, options));
  // What is wrong is said better by the rules of OpenAPI, where they say it.
  if (errors.length === 0 && problem !== undefined) errors.push(invalidValue(path, '', problem));
  if (errors.length === 0 && options.cel)
    errors.push(...validateExpressions(options.cel, schema, path, isUnchanged));
  return errors;
}

/** Where `status` has an endpoint of its own, its schema is used alone, and must say the same there. */
function validateRoot(schema: JSONSchemaProps, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (schema.type && schema.type !== 'object') {
    const detail =
      'only "object" is allowed as the type at the root of the schema if the status subresource is enabled';
    errors.push(invalidValue(`${path}.type`, schema.type, detail));
    return errors;
  }
  const others = Object.entries(schema).filter(
    ([key, value]) => isSet(value) && !ALLOWED_AT_ROOT.includes(goName(key)),
  );
  if (others.length === 0) return errors;
  const detail = `only [${ALLOWED_AT_ROOT.join(' ')}] fields are allowed at the root of the schema if the status subresource is enabled`;
  return [...errors, invalidValue(path, schema, detail)];
}

const isSet = (value: unknown): boolean =>
  value !== undefined && value !== false && value !== '' && !(Array.isArray(value) && value.length === 0);

/** `x-kubernetes-list-type` is `XListType` in Go, `minLength` is `MinLength`. */
const goName = (key: string): string =>
  key.startsWith('x-kubernetes-')
    ? `X${key
        .slice('x-kubernetes-'.length)
        .split('-')
        .map((part) => part.charAt(0).toUpperCase() + part.slice(1))
        .join('')}`
    : key.charAt(0).toUpperCase() + key.slice(1);
