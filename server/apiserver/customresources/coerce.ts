import { conform, isInputProblem } from '#proto/meta/decode/conform.ts';
import { StrictErrors } from '#proto/meta/decode/strict.ts';
import { isObject, type JsonObject } from '#proto/meta/own-property.ts';
import { badRequest } from '#proto/meta/status-error.ts';
import { schema as builtin } from '#proto/schema/schema.ts';
import { fieldSchema, itemSchema, type Structural } from './structural.ts';

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
      throw badRequest(`${path}.${key}: Invalid value: ${JSON.stringify(object[key])}: must be a string`);
    delete object[key];
  }
  if (!Object.hasOwn(object, 'metadata')) return;
  try {
    const strict = unknown && new StrictErrors();
    object['metadata'] = readMetadata(object['metadata'], strict);
    for (const message of strict?.messages ?? []) unknown?.push(pathOf(path, message));
  } catch (err) {
    if (!isInputProblem(err)) throw err;
    if (!drop)
      throw badRequest(
        `${path}.metadata: Invalid value: ${JSON.stringify(object['metadata'])}: ${err.message}`,
      );
  }
}

/** Throws what {@link isInputProblem} knows. */
export function readMetadata(metadata: unknown, strict: StrictErrors | undefined): JsonObject {
  const { metadata: own } = conform(
    builtin,
    builtin.message('meta/v1.PartialObjectMetadata'),
    { metadata },
    strict,
  );
  return own as JsonObject;
}

/** `unknown field "metadata.foo"` names a path below the embedded object. */
const pathOf = (path: string, message: string): string => {
  const own = /"(.*)"$/.exec(message)?.[1] ?? message;
  return path === '' ? own : `${path}.${own}`;
};
