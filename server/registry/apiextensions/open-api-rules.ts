import {
  type FieldError,
  forbiddenField,
  invalidValue,
  notSupported,
  required,
} from '#proto/meta/field-error.ts';
import type { JSONSchemaProps, ValidationRule } from '#proto/schema/generated/apiextensions-v1.ts';
import { structuralProblem } from '#server/registry/apiextensions/structural-rules.ts';
import { findFieldPath } from '#server/structural/field-path.ts';
import { entriesOf, itemsOf, someSchema } from '#server/structural/schema-tree.ts';

/** What holds for a whole schema, and what an update need not set right that was wrong before. */
export interface OpenApiOptions {
  readonly requireTypes: boolean;
  readonly requireAtomicSets: boolean;
  readonly requireMapKeys: boolean;
}

/** Where the walk is. */
interface Place {
  readonly path: string;
  readonly isRoot: boolean;
  /** Why no default may be set here. */
  readonly noDefaults: string | undefined;
  readonly insideMeta: boolean;
}

const TYPES = ['array', 'boolean', 'integer', 'number', 'object', 'string'];
const METADATA = ['metadata', 'kind', 'apiVersion'];

/**
 * A schema by the rules that hold for each node of it. Rule: apiextensions-apiserver
 * `validation.ValidateCustomResourceDefinitionOpenAPISchema`.
 */
export const validateOpenApi = (
  schema: JSONSchemaProps,
  path: string,
  options: OpenApiOptions,
): FieldError[] =>
  validateNode(schema, { path, isRoot: true, noDefaults: undefined, insideMeta: false }, options);

function validateNode(
  schema: JSONSchemaProps | undefined,
  place: Place,
  options: OpenApiOptions,
): FieldError[] {
  if (!schema) return [];
  const { path } = place;
  const errors = validateSupported(schema, place, options);
  if (schema.uniqueItems) {
    const detail = 'uniqueItems cannot be set to true since the runtime complexity becomes quadratic';
    errors.push(forbiddenField(`${path}.uniqueItems`, detail));
  }
  errors.push(
    ...validateChildren(schema, place, options),
    ...validateTypes(schema, path),
    ...(options.requireAtomicSets ? validateSetItems(schema, path) : []),
    ...validateMapList(schema, path),
    ...(options.requireMapKeys ? mapKeyErrors(schema, path) : []),
    ...(schema['x-kubernetes-validations'] ?? []).flatMap((rule, i) =>
      validateRule(schema, rule, `${path}.x-kubernetes-validations[${i}]`),
    ),
  );
  return errors;
}

function validateChildren(schema: JSONSchemaProps, place: Place, options: OpenApiOptions): FieldError[] {
  const { path, insideMeta } = place;
  const { additionalProperties, properties = {} } = schema;
  const errors: FieldError[] = [];
  const child = (at: string, change: Partial<Place> = {}): Place => ({
    ...place,
    ...change,
    path: `${path}.${at}`,
    isRoot: false,
  });
  const add = (inner: JSONSchemaProps | undefined, at: string, change?: Partial<Place>): void => {
    errors.push(...validateNode(inner, child(at, change), options));
  };
  if (
    additionalProperties !== undefined &&
    additionalProperties !== true &&
    Object.keys(properties).length > 0
  )
    errors.push(
      forbiddenField(
        `${path}.additionalProperties`,
        'additionalProperties and properties are mutual exclusive',
      ),
    );
  // Pruning knows no value to prune by there.
  const noDefaults = insideMeta
    ? 'inside additionalProperties applying to object metadata'
    : place.noDefaults;
  add(entriesOf(schema), 'additionalProperties', { noDefaults });
  for (const [key, property] of Object.entries(properties)) {
    const isMeta =
      METADATA.includes(key) && (place.isRoot || schema['x-kubernetes-embedded-resource'] === true);
    add(property, `properties[${key}]`, {
      insideMeta: insideMeta || isMeta,
      ...(isMeta && place.isRoot ? { noDefaults: `in top-level ${key}` } : {}),
    });
  }
  add(schema.not, 'not');
  for (const key of ['allOf', 'oneOf', 'anyOf'] as const)
    for (const [i, one] of (schema[key] ?? []).entries()) add(one, `${key}[${i}]`);
  for (const [key, definition] of Object.entries(schema.definitions ?? {}))
    add(definition, `definitions[${key}]`);
  if (Array.isArray(schema.items)) for (const [i, item] of schema.items.entries()) add(item, `items[${i}]`);
  else add(schema.items, 'items');
  for (const [key, dependency] of Object.entries(schema.dependencies ?? {}))
    if (!Array.isArray(dependency)) add(dependency, `dependencies[${key}]`);
  return errors;
}

function validateSupported(
  schema: JSONSchemaProps,
  { path, noDefaults, insideMeta }: Place,
  { requireTypes }: OpenApiOptions,
): FieldError[] {
  const { type } = schema;
  const errors: FieldError[] = [];
  if (requireTypes && type && !TYPES.includes(type)) errors.push(notSupported(`${path}.type`, type, TYPES));
  if (schema.default !== undefined && noDefaults !== undefined)
    errors.push(forbiddenField(`${path}.default`, `must not be set ${noDefaults}`));
  const unsupported = (key: string, is: unknown): void => {
    if (is) errors.push(forbiddenField(`${path}.${key}`, `${key} is not supported`));
  };
  unsupported('id', schema.id);
  unsupported('additionalItems', schema.additionalItems !== undefined);
  unsupported('patternProperties', Object.keys(schema.patternProperties ?? {}).length);
  unsupported('definitions', Object.keys(schema.definitions ?? {}).length);
  unsupported('dependencies', schema.dependencies !== undefined);
  unsupported('$ref', schema.$ref !== undefined);
  if (type === 'null') {
    const detail = 'type cannot be set to null, use nullable as an alternative';
    errors.push(forbiddenField(`${path}.type`, detail));
  }
  if (Array.isArray(schema.items) && schema.items.length > 0)
    errors.push(forbiddenField(`${path}.items`, 'items must be a schema object and not an array'));
  if (insideMeta && schema['x-kubernetes-embedded-resource']) {
    const detail = 'must not be used inside of resource meta';
    errors.push(forbiddenField(`${path}.x-kubernetes-embedded-resource`, detail));
  }
  return errors;
}

function validateTypes(schema: JSONSchemaProps, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const preserves = schema['x-kubernetes-preserve-unknown-fields'];
  if (preserves === false)
    errors.push(
      invalidValue(`${path}.x-kubernetes-preserve-unknown-fields`, false, 'must be true or undefined'),
    );
  for (const [key, type, allowed] of [
    ['x-kubernetes-map-type', 'object', ['atomic', 'granular']],
    ['x-kubernetes-list-type', 'array', ['atomic', 'set', 'map']],
  ] as const) {
    const value = schema[key];
    if (value === undefined) continue;
    if (schema.type !== type) {
      const detail = `must be ${type} if ${key} is specified`;
      errors.push(
        schema.type ? invalidValue(`${path}.type`, schema.type, detail) : required(`${path}.type`, detail),
      );
    }
    if (!(allowed as readonly string[]).includes(value))
      errors.push(inOrder(`${path}.${key}`, value, allowed));
  }
  return errors;
}

/** As `notSupported`, in the order that upstream has. */
const inOrder = (field: string, value: string, allowed: readonly string[]): FieldError => ({
  reason: 'FieldValueNotSupported',
  message: `Unsupported value: ${JSON.stringify(value)}: supported values: ${allowed.map((one) => JSON.stringify(one)).join(', ')}`,
  field,
});

/** Items of a set are compared as wholes. */
function validateSetItems(schema: JSONSchemaProps, path: string): FieldError[] {
  const items = itemsOf(schema);
  if (schema['x-kubernetes-list-type'] !== 'set' || schema.type !== 'array' || !items) return [];
  const detail = 'must be atomic as item of a list with x-kubernetes-list-type=set';
  const key = nonAtomic(items);
  return key ? [invalidValue(`${path}.items.${key}`, items['x-kubernetes-list-type'] ?? null, detail)] : [];
}

function nonAtomic(items: JSONSchemaProps): string | undefined {
  const listType = items['x-kubernetes-list-type'];
  if (items.type === 'array' && listType !== undefined && listType !== 'atomic')
    return 'x-kubernetes-list-type';
  if (items.type === 'object' && items['x-kubernetes-map-type'] !== 'atomic') return 'x-kubernetes-map-type';
  return undefined;
}

function validateMapList(schema: JSONSchemaProps, path: string): FieldError[] {
  const listType = schema['x-kubernetes-list-type'];
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  const errors: FieldError[] = [];
  if (keys.length > 0 && listType !== 'map') {
    const at = `${path}.x-kubernetes-list-type`;
    const detail = 'must be map if x-kubernetes-list-map-keys is non-empty';
    errors.push(listType === undefined ? required(at, detail) : invalidValue(at, listType, detail));
  }
  if (listType !== 'map') return errors;
  if (keys.length === 0) {
    const detail = 'must not be empty if x-kubernetes-list-type is map';
    errors.push(required(`${path}.x-kubernetes-list-map-keys`, detail));
  }
  if (!schema.items) {
    const detail = 'must have a schema if x-kubernetes-list-type is map';
    return [...errors, required(`${path}.items`, detail)];
  }
  const items = itemsOf(schema);
  if (!items) {
    const detail = 'must only have a single schema if x-kubernetes-list-type is map';
    return [...errors, invalidValue(`${path}.items`, schema.items, detail)];
  }
  if (items.type !== 'object') {
    const detail = "must be object if parent array's x-kubernetes-list-type is map";
    return [...errors, invalidValue(`${path}.items.type`, items.type ?? '', detail)];
  }
  return [...errors, ...validateKeys(items, keys, path)];
}

function validateKeys(items: JSONSchemaProps, keys: readonly string[], path: string): FieldError[] {
  const at = `${path}.x-kubernetes-list-map-keys`;
  return keys.flatMap((key, i) => {
    const errors: FieldError[] = [];
    const property = items.properties?.[key];
    if (!property) errors.push(invalidValue(at, keys, 'entries must all be names of item properties'));
    else if (property.type === 'array' || property.type === 'object') {
      const detail = "must be a scalar type if parent array's x-kubernetes-list-type is map";
      errors.push(invalidValue(`${path}.items.properties[${key}].type`, items.type, detail));
    }
    if (keys.indexOf(key) < i) errors.push(invalidValue(at, keys, 'must not contain duplicate entries'));
    return errors;
  });
}

/** Keys of items are always there, and so are the items. */
function mapKeyErrors(schema: JSONSchemaProps, path: string): FieldError[] {
  const listType = schema['x-kubernetes-list-type'];
  const items = itemsOf(schema);
  if (!items || (listType !== 'set' && listType !== 'map')) return [];
  const errors: FieldError[] = [];
  if (items.nullable) {
    const detail = `cannot be nullable when x-kubernetes-list-type is ${listType}`;
    errors.push(forbiddenField(`${path}.items.nullable`, detail));
  }
  if (listType === 'set') return errors;
  for (const key of schema['x-kubernetes-list-map-keys'] ?? []) {
    const property = items.properties?.[key];
    if (!property) continue;
    const at = `${path}.items.properties[${key}]`;
    const listed = 'this property is in x-kubernetes-list-map-keys, so it';
    if (!items.required?.includes(key) && property.default === undefined)
      errors.push(required(`${at}.default`, `${listed} must have a default or be a required property`));
    if (property.nullable) errors.push(forbiddenField(`${at}.nullable`, `${listed} cannot be nullable`));
  }
  return errors;
}

const REASONS = ['FieldValueDuplicate', 'FieldValueForbidden', 'FieldValueInvalid', 'FieldValueRequired'];

/** All of a rule but its expressions. */
function validateRule(schema: JSONSchemaProps, own: ValidationRule, path: string): FieldError[] {
  const { rule = '', message = '', messageExpression = '', reason, fieldPath = '' } = own;
  const errors: FieldError[] = [];
  const text = rule.trim();
  if (text === '') errors.push(required(`${path}.rule`, 'rule is not specified'));
  else if (message !== '' && message.trim() === '')
    errors.push(invalidValue(`${path}.message`, message, 'must be non-empty if specified'));
  else if (hasLineBreaks(message.trim()))
    errors.push(invalidValue(`${path}.message`, message, 'must not contain line breaks'));
  else if (hasLineBreaks(text) && message.trim() === '')
    errors.push(required(`${path}.message`, 'message must be specified if rule contains line breaks'));
  if (messageExpression !== '' && messageExpression.trim() === '') {
    const detail = 'messageExpression must be non-empty if specified';
    errors.push(required(`${path}.messageExpression`, detail));
  }
  if (reason !== undefined && !REASONS.includes(reason))
    errors.push(notSupported(`${path}.reason`, reason, REASONS));
  if (fieldPath === '') return errors;
  const at = `${path}.fieldPath`;
  if (fieldPath.trim() === '') errors.push(invalidValue(at, fieldPath, 'must be non-empty if specified'));
  if (hasLineBreaks(fieldPath)) errors.push(invalidValue(at, fieldPath, 'must not contain line breaks'));
  if (structuralProblem(schema) === undefined && 'problem' in findFieldPath(fieldPath, schema))
    errors.push(invalidValue(at, fieldPath, 'must be a valid path'));
  return errors;
}

const hasLineBreaks = (text: string): boolean => /[\n\r]/.test(text);

export const hasUnknownTypes = (schema: JSONSchemaProps): boolean =>
  someSchema(schema, ({ type }) => Boolean(type) && !TYPES.includes(type ?? ''));

export const hasNonAtomicSets = (schema: JSONSchemaProps): boolean =>
  someSchema(schema, (one) => {
    const items = itemsOf(one);
    return one['x-kubernetes-list-type'] === 'set' && items !== undefined && nonAtomic(items) !== undefined;
  });

export const hasBadMapKeys = (schema: JSONSchemaProps): boolean =>
  someSchema(schema, (one) => mapKeyErrors(one, '').length > 0);
