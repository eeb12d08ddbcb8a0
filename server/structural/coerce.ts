import { conform, isInputProblem } from '#proto/meta/decode/conform.ts';
import { ValueProblem } from '#proto/meta/decode/scalars.ts';
import { StrictErrors } from '#proto/meta/decode/strict.ts';
import { isObject, type JsonObject } from '#proto/meta/own-property.ts';
import { schema as builtin } from '#proto/schema/schema.ts';
import { fieldSchema, itemSchema, type Structural } from '#server/structural/schema.ts';

/**
 * Reads the metadata of embedded objects as the API reads metadata, in place: unknown fields go, what has the wrong
 * type is refused, or dropped where it comes from the store. Rule: apiextensions-apiserver `schema/objectmeta`.
 */
export function coerceEmbedded(
  value: unknown,
  schema: Structural | undefined,
  options: { readonly drop: boolean; readonly unknown?: string[] | undefined },
  path = '',
): void {
  if (!schema) return;
  if (Array.isArray(value)) {
    const items = itemSchema(schema);
    for (const [i, item] of value.entries()) coerceEmbedded(item, items, options, `${path}[${i}]`);
  } else if (isObject(value)) {
    if (schema['x-kubernetes-embedded-resource']) coerceObject(value, options, path);
    for (const key of Object.keys(value))
      coerceEmbedded(value[key], fieldSchema(schema, key), options, path === '' ? key : `${path}.${key}`);
  }
}

function coerceObject(
  object: JsonObject,
  { drop, unknown }: { readonly drop: boolean; readonly unknown?: string[] | undefined },
  path: string,
): void {
  for (const key of ['apiVersion', 'kind']) {
    if (!Object.hasOwn(object, key) || typeof object[key] === 'string') continue;
    if (!drop)
      throw new ValueProblem(
        `${path}.${key}: Invalid value: ${JSON.stringify(object[key])}: must be a string`,
      );
    delete object[key];
  }
  if (!Object.hasOwn(object, 'metadata')) return;
  try {
    object['metadata'] = readMetadata(object['metadata'], unknown, `${path}.metadata`);
  } catch (err) {
    if (!isInputProblem(err)) throw err;
    if (!drop)
      throw new ValueProblem(
        `${path}.metadata: Invalid value: ${JSON.stringify(object['metadata'])}: ${err.message}`,
      );
  }
}

/** Adds the paths of unknown fields to `unknown`, below `path`. Throws what {@link isInputProblem} knows. */
export function readMetadata(metadata: unknown, unknown?: string[], path = 'metadata'): JsonObject {
  const strict = unknown && new StrictErrors();
  const own = conform(builtin, builtin.message('meta/v1.ObjectMeta'), metadata, strict);
  for (const message of strict?.messages ?? [])
    unknown?.push(`${path}.${/^unknown field "(.*)"$/.exec(message)?.[1] ?? message}`);
  return own;
}
