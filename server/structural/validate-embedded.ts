import { isInputProblem } from '#proto/meta/decode/conform.ts';
import { type FieldError, invalidValue, required } from '#proto/meta/field-error.ts';
import { isObject, type JsonObject } from '#proto/meta/own-property.ts';
import type { ObjectMeta } from '#proto/schema/generated/meta-v1.ts';
import { dns1035LabelProblems } from '#server/registry/validation/names.ts';
import { validateObjectMeta } from '#server/registry/validation/object-meta.ts';
import { readMetadata } from '#server/structural/coerce.ts';
import { fieldSchema, isProperty, itemSchema, type Structural } from '#server/structural/schema.ts';

/** Embedded objects have a type and, where they have any, proper metadata. Rule: apiextensions-apiserver `schema/objectmeta`. */
export function validateEmbedded(value: unknown, schema: Structural | undefined, path = ''): FieldError[] {
  if (!schema) return [];
  if (Array.isArray(value)) {
    const items = itemSchema(schema);
    return value.flatMap((item, i) => validateEmbedded(item, items, `${path}[${i}]`));
  }
  if (!isObject(value)) return [];
  return [
    ...(schema['x-kubernetes-embedded-resource'] ? validateObject(value, path) : []),
    ...Object.keys(value).flatMap((key) => {
      const inner = fieldSchema(schema, key);
      return inner ? validateEmbedded(value[key], inner, fieldPath(path, key, isProperty(schema, key))) : [];
    }),
  ];
}

const fieldPath = (path: string, key: string, isProperty = true): string =>
  !isProperty ? `${path}[${key}]` : path === '' ? key : `${path}.${key}`;

function validateObject(object: JsonObject, path: string): FieldError[] {
  const at = (key: string): string => fieldPath(path, key);
  const errors = ['apiVersion', 'kind'].flatMap((key) =>
    Object.hasOwn(object, key) ? [] : [required(at(key))],
  );
  const { apiVersion, kind } = object;
  if (apiVersion !== undefined) errors.push(...validateApiVersion(apiVersion, at('apiVersion')));
  if (kind !== undefined) errors.push(...validateKind(kind, at('kind')));
  if (Object.hasOwn(object, 'metadata')) errors.push(...validateMetadata(object['metadata'], at('metadata')));
  return errors;
}

function validateApiVersion(value: unknown, path: string): FieldError[] {
  if (typeof value !== 'string') return [invalidValue(path, value, 'must be a string')];
  if (value === '') return [invalidValue(path, value, 'must not be empty')];
  return value.split('/').length > 2
    ? [invalidValue(path, value, `unexpected GroupVersion string: ${value}`)]
    : [];
}

function validateKind(value: unknown, path: string): FieldError[] {
  if (typeof value !== 'string') return [invalidValue(path, value, 'must be a string')];
  if (value === '') return [invalidValue(path, value, 'must not be empty')];
  const problems = dns1035LabelProblems(value.toLowerCase());
  const detail = `may have mixed case, but should otherwise match: ${problems.join(',')}`;
  return problems.length > 0 ? [invalidValue(path, value, detail)] : [];
}

function validateMetadata(value: unknown, path: string): FieldError[] {
  try {
    const meta = readMetadata(value) as ObjectMeta;
    // The name is for whoever makes the object to choose.
    meta.name ||= 'fakename';
    return validateObjectMeta(meta, { namespaced: Boolean(meta.namespace), nameRule: 'path-segment' }, path);
  } catch (err) {
    if (isInputProblem(err)) return [invalidValue(path, value, err.message)];
    throw err;
  }
}
