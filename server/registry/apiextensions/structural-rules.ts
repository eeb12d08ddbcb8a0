import { type FieldError, forbiddenField, invalidValue, required } from '#proto/meta/field-error.ts';
import type { JSONSchemaProps } from '#proto/schema/generated/apiextensions-v1.ts';
import { patternProblem } from '#server/structural/patterns.ts';
import { entriesOf, itemsOf } from '#server/structural/schema-tree.ts';

type Level = 'root' | 'item' | 'field';

/**
 * What makes a schema structural: every value has a type, said outside of alternatives; alternatives only narrow what is
 * said already. Sorted as their text is. Rule: apiextensions-apiserver `schema/validation.go` and `complete.go`.
 */
export function validateStructural(schema: JSONSchemaProps, path: string): FieldError[] {
  const errors = [...validateNode(schema, 'root', path), ...validateComplete(schema, schema, path, path)];
  const text = ({ field, message }: FieldError): string => `${field}: ${message}`;
  return errors.sort((a, b) => (text(a) < text(b) ? -1 : 1));
}

/** Why a schema can not be structural whatever its parts say; undefined where it can. Rule: `NewStructural`. */
export function structuralProblem(schema: JSONSchemaProps | undefined): string | undefined {
  if (!schema) return undefined;
  const unsupported = (
    [
      ['id', schema.id],
      ['schema', schema.$schema],
      ['$ref', schema.$ref],
      ['patternProperties', hasKeys(schema.patternProperties)],
      ['dependencies', hasKeys(schema.dependencies)],
      ['additionalItems', schema.additionalItems !== undefined],
      ['definitions', hasKeys(schema.definitions)],
    ] as const
  ).find(([, is]) => is);
  if (unsupported) return `OpenAPIV3Schema '${unsupported[0]}' is not supported`;
  const inAlternatives = [
    ...(schema.not ? [schema.not] : []),
    ...(schema.allOf ?? []),
    ...(schema.anyOf ?? []),
    ...(schema.oneOf ?? []),
  ];
  const first = inAlternatives.map(structuralProblem).find((problem) => problem !== undefined);
  if (first) return first;
  if (schema['x-kubernetes-preserve-unknown-fields'] === false)
    return "internal error: 'x-kubernetes-preserve-unknown-fields' must be true or undefined";
  if (Array.isArray(schema.items) && schema.items.length > 0)
    return "OpenAPIV3Schema 'items' must be a schema, but is an array";
  return [itemsOf(schema), ...Object.values(schema.properties ?? {}), entriesOf(schema)]
    .map(structuralProblem)
    .find((problem) => problem !== undefined);
}

const hasKeys = (map: object | undefined): boolean => Object.keys(map ?? {}).length > 0;

function validateNode(schema: JSONSchemaProps, level: Level, path: string): FieldError[] {
  const { type, properties = {}, additionalProperties } = schema;
  const items = itemsOf(schema);
  const errors: FieldError[] = [];
  if (type === 'array' && !schema.items) errors.push(required(`${path}.items`, 'must be specified'));
  if (items) errors.push(...validateNode(items, 'item', `${path}.items`));
  for (const [key, property] of Object.entries(properties))
    errors.push(...validateNode(property, 'field', `${path}.properties[${key}]`));
  if (additionalProperties !== undefined) {
    const at = `${path}.additionalProperties`;
    if (level === 'root') errors.push(forbiddenField(at, 'must not be used at the root'));
    const entries = entriesOf(schema);
    if (entries) errors.push(...validateNode(entries, 'field', at));
  }
  errors.push(...validateExtensions(schema, path));
  const { anyOf, allOf } = schema;
  errors.push(
    ...validateAlternatives(schema, path, {
      skipAnyOf: isIntOrString(anyOf),
      skipFirstAllOf: isIntOrString(allOf?.[0]?.anyOf),
    }),
    ...validateType(schema, level, path),
    ...validateMetadata(schema, level, path),
  );
  return errors;
}

function validateExtensions(schema: JSONSchemaProps, path: string): FieldError[] {
  if (!schema['x-kubernetes-int-or-string']) return [];
  const detail = 'must be false if x-kubernetes-int-or-string is true';
  return (['x-kubernetes-preserve-unknown-fields', 'x-kubernetes-embedded-resource'] as const)
    .filter((key) => schema[key])
    .map((key) => invalidValue(`${path}.${key}`, true, detail));
}

const EMPTY_TYPE: Readonly<Record<Level, string>> = {
  root: 'must not be empty at the root',
  item: 'must not be empty for specified array items',
  field: 'must not be empty for specified object fields',
};

function validateType(schema: JSONSchemaProps, level: Level, path: string): FieldError[] {
  const { type, properties, additionalProperties } = schema;
  const embedded = schema['x-kubernetes-embedded-resource'] === true;
  const preserves = schema['x-kubernetes-preserve-unknown-fields'] === true;
  const at = `${path}.type`;
  const errors: FieldError[] = [];
  if (embedded && type !== 'object') {
    const detail = 'must be object if x-kubernetes-embedded-resource is true';
    errors.push(type ? invalidValue(at, type, detail) : required(at, detail));
  } else if (!type && !schema['x-kubernetes-int-or-string'] && !preserves) {
    errors.push(required(at, EMPTY_TYPE[level]));
  }
  if (embedded && additionalProperties !== undefined) {
    const detail = 'must not be used if x-kubernetes-embedded-resource is set';
    errors.push(forbiddenField(`${path}.additionalProperties`, detail));
  }
  if (level === 'root' && type && type !== 'object')
    errors.push(invalidValue(at, type, 'must be object at the root'));
  if (embedded && !preserves && !hasKeys(properties)) {
    const detail =
      'must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields';
    errors.push(required(`${path}.properties`, detail));
  }
  return errors;
}

/** Of metadata, a schema may narrow `name` and `generateName`, at the root. */
function validateMetadata(schema: JSONSchemaProps, level: Level, path: string): FieldError[] {
  const { properties = {} } = schema;
  const isObject = level === 'root' || schema['x-kubernetes-embedded-resource'] === true;
  const errors: FieldError[] = [];
  if (isObject) {
    for (const key of ['kind', 'apiVersion']) {
      const property = Object.hasOwn(properties, key) ? properties[key] : undefined;
      if (property && property.type !== 'string')
        errors.push(invalidValue(`${path}.properties[${key}].type`, property.type ?? '', 'must be string'));
    }
  }
  const metadata = Object.hasOwn(properties, 'metadata') ? properties['metadata'] : undefined;
  if (!metadata) return errors;
  const at = `${path}.properties[metadata]`;
  if (isObject && metadata.type !== 'object')
    errors.push(invalidValue(`${at}.type`, metadata.type ?? '', 'must be object'));
  if (level === 'root' && saysMoreThanNames(metadata)) {
    const detail =
      'must not specify anything other than name and generateName, but metadata is implicitly specified';
    errors.push(forbiddenField(at, detail));
  }
  return errors;
}

function saysMoreThanNames({ properties = {}, type: _, default: __, ...rest }: JSONSchemaProps): boolean {
  const others = Object.keys(properties).filter((key) => key !== 'name' && key !== 'generateName');
  return others.length > 0 || Object.keys(rest).length > 0;
}

function isIntOrString(anyOf: readonly JSONSchemaProps[] | undefined): boolean {
  const [first, second] = anyOf ?? [];
  const says = (one: JSONSchemaProps | undefined, type: string): boolean =>
    one?.type === type && Object.keys(one).length === 1;
  return anyOf?.length === 2 && says(first, 'integer') && says(second, 'string');
}

interface Skip {
  readonly skipAnyOf?: boolean;
  readonly skipFirstAllOf?: boolean;
}

function validateAlternatives(schema: JSONSchemaProps, path: string, skip: Skip = {}): FieldError[] {
  const { anyOf = [], allOf = [], oneOf = [], not, pattern } = schema;
  const problem = pattern ? patternProblem(pattern) : undefined;
  const detail = `must be a valid regular expression, but isn't: ${problem}`;
  return [
    ...(skip.skipAnyOf ? [] : anyOf.flatMap((one, i) => validateNested(one, `${path}.anyOf[${i}]`))),
    ...allOf.flatMap((one, i) =>
      validateNested(one, `${path}.allOf[${i}]`, {
        skipAnyOf: skip.skipFirstAllOf === true && i === 0,
      }),
    ),
    ...oneOf.flatMap((one, i) => validateNested(one, `${path}.oneOf[${i}]`)),
    ...(not ? validateNested(not, `${path}.not`) : []),
    ...(problem === undefined ? [] : [invalidValue(`${path}.pattern`, pattern, detail)]),
  ];
}

/** What may not be said inside of alternatives: with the word that upstream has for its absence. */
const NOT_NESTED = [
  ['type', 'empty'],
  ['default', 'undefined'],
  ['title', 'empty'],
  ['description', 'empty'],
  ['nullable', 'false'],
  ['x-kubernetes-preserve-unknown-fields', 'false'],
  ['x-kubernetes-embedded-resource', 'false'],
  ['x-kubernetes-int-or-string', 'false'],
  ['x-kubernetes-list-map-keys', 'empty'],
  ['x-kubernetes-list-type', 'undefined'],
  ['x-kubernetes-map-type', 'undefined'],
  ['x-kubernetes-validations', 'empty'],
] as const;

function validateNested(schema: JSONSchemaProps, path: string, skip: Skip = {}): FieldError[] {
  const errors = validateAlternatives(schema, path, skip);
  const items = itemsOf(schema);
  if (items) errors.push(...validateNested(items, `${path}.items`));
  const { properties = {}, additionalProperties } = schema;
  for (const [key, property] of Object.entries(properties))
    errors.push(...validateNested(property, `${path}.properties[${key}]`));
  for (const [key, word] of NOT_NESTED) {
    const value = schema[key];
    const isSet = Array.isArray(value)
      ? value.length > 0
      : value !== undefined && value !== '' && value !== false;
    if (isSet) errors.push(forbiddenField(`${path}.${key}`, `must be ${word} to be structural`));
  }
  if (additionalProperties !== undefined && additionalProperties !== false) {
    const detail = 'must be undefined to be structural';
    errors.push(forbiddenField(`${path}.additionalProperties`, detail));
  }
  if (Object.hasOwn(properties, 'metadata'))
    errors.push(forbiddenField(`${path}.properties[metadata]`, 'must not be specified in a nested context'));
  return errors;
}

/** What alternatives speak of must be specified outside of them. */
function validateComplete(
  nested: JSONSchemaProps,
  schema: JSONSchemaProps | undefined,
  at: string,
  nestedAt: string,
): FieldError[] {
  const { not, allOf = [], anyOf = [], oneOf = [] } = nested;
  return [
    ...(not ? [[not, 'not'] as const] : []),
    ...allOf.map((one, i) => [one, `allOf[${i}]`] as const),
    ...anyOf.map((one, i) => [one, `anyOf[${i}]`] as const),
    ...oneOf.map((one, i) => [one, `oneOf[${i}]`] as const),
  ].flatMap(([one, key]) => validateCovered(one, schema, at, `${nestedAt}.${key}`));
}

function validateCovered(
  nested: JSONSchemaProps,
  schema: JSONSchemaProps | undefined,
  at: string,
  nestedAt: string,
): FieldError[] {
  if (!schema) return [required(at, `because it is defined in ${nestedAt}`)];
  const items = itemsOf(nested);
  const { properties = {} } = schema;
  return [
    ...validateComplete(nested, schema, at, nestedAt),
    ...(items ? validateCovered(items, itemsOf(schema), `${at}.items`, `${nestedAt}.items`) : []),
    ...Object.entries(nested.properties ?? {}).flatMap(([key, property]) =>
      validateCovered(
        property,
        Object.hasOwn(properties, key) ? properties[key] : undefined,
        `${at}.properties[${key}]`,
        `${nestedAt}.properties[${key}]`,
      ),
    ),
  ];
}
