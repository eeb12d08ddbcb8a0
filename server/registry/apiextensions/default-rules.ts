import { isInputProblem } from '#proto/meta/decode/conform.ts';
import { type FieldError, invalidValue } from '#proto/meta/field-error.ts';
import type { JSONSchemaProps } from '#proto/schema/generated/apiextensions-v1.ts';
import { coerceEmbedded } from '#server/structural/coerce.ts';
import { isEqual } from '#server/structural/correlation.plan.ts';
import { causesOf } from '#server/structural/findings.plan.ts';
import { Patterns } from '#server/structural/patterns.ts';
import { prune } from '#server/structural/prune.plan.ts';
import { asRoot } from '#server/structural/schema.ts';
import { itemsOf, someSchema } from '#server/structural/schema-tree.ts';
import { validateEmbedded } from '#server/structural/validate-embedded.ts';
import { validateValue } from '#server/structural/validate-value.ts';

/** The object around a default that lies in its metadata, with the default in its place. */
type Around = (value: unknown) => Record<string, unknown>;

const rootAround: Around = (value) => ({
  kind: 'Validation',
  apiVersion: 'validation/v1',
  ...(value as object),
});

/**
 * Defaults are values of their schema, and nothing of them would be pruned. Rule: apiextensions-apiserver
 * `schema/defaulting.ValidateDefaults`, without its rules in CEL.
 */
export function validateDefaults(
  schema: JSONSchemaProps,
  path: string,
  requirePruned: boolean,
): FieldError[] {
  if (!hasDefaults(schema)) return [];
  const root = asRoot(schema);
  return new DefaultsWalk(requirePruned).node(root, path, root, rootAround, false);
}

export const hasDefaults = (schema: JSONSchemaProps | undefined): boolean =>
  someSchema(schema, (one) => one.default !== undefined);

/** Is there a default that would not outlive its own schema? */
export const hasUnprunedDefaults = (schema: JSONSchemaProps): boolean =>
  someSchema(schema, (one) => one.default !== undefined && !isPruned(one));

function isPruned(schema: JSONSchemaProps): boolean {
  const pruned = structuredClone(schema.default);
  prune(pruned, schema, { isRoot: schema['x-kubernetes-embedded-resource'] === true });
  return isEqual(pruned, schema.default);
}

class DefaultsWalk {
  readonly #requirePruned: boolean;
  readonly #patterns = new Patterns();

  constructor(requirePruned: boolean) {
    this.#requirePruned = requirePruned;
  }

  node(
    schema: JSONSchemaProps,
    path: string,
    parentRoot: JSONSchemaProps,
    parentAround: Around,
    parentInsideMeta: boolean,
  ): FieldError[] {
    const isObject = schema['x-kubernetes-embedded-resource'] === true;
    const root = isObject ? schema : parentRoot;
    const around = isObject ? rootAround : parentAround;
    const insideMeta = isObject ? false : parentInsideMeta;
    const errors =
      schema.default === undefined || schema.default === null
        ? []
        : insideMeta
          ? this.#inMetadata(schema, `${path}.default`, root, around)
          : this.#value(schema, `${path}.default`);
    const items = itemsOf(schema);
    if (items)
      errors.push(...this.node(items, `${path}.items`, root, (value) => around([value]), insideMeta));
    for (const [key, property] of Object.entries(schema.properties ?? {})) {
      const isMeta = isObject && ['metadata', 'apiVersion', 'kind'].includes(key);
      const at = `${path}.properties[${key}]`;
      errors.push(
        ...this.node(property, at, root, (value) => around({ [key]: value }), insideMeta || isMeta),
      );
    }
    return errors;
  }

  #value(schema: JSONSchemaProps, path: string): FieldError[] {
    const errors: FieldError[] = [];
    if (this.#requirePruned && !isPruned(schema))
      errors.push(invalidValue(path, schema.default, 'must not have unknown fields'));
    const copy = structuredClone(schema.default);
    try {
      coerceEmbedded(copy, schema, { drop: false }, path);
    } catch (err) {
      if (!isInputProblem(err)) throw err;
      return [...errors, invalidValue(path, schema.default, err.message)];
    }
    const embedded = validateEmbedded(copy, schema, path);
    return [...errors, ...(embedded.length > 0 ? embedded : this.#bySchema(schema, path))];
  }

  #inMetadata(schema: JSONSchemaProps, path: string, root: JSONSchemaProps, around: Around): FieldError[] {
    const object = around(structuredClone(schema.default));
    const refused = (why: string): FieldError[] => [
      invalidValue(path, schema.default, `must result in valid metadata: ${why}`),
    ];
    try {
      coerceEmbedded(object, asRoot(root), { drop: false });
    } catch (err) {
      if (!isInputProblem(err)) throw err;
      return refused(err.message);
    }
    const errors = validateEmbedded(object, asRoot(root));
    if (errors.length > 0)
      return refused(errors.map(({ field, message }) => `${field}: ${message}`).join(', '));
    return this.#bySchema(schema, path);
  }

  #bySchema(schema: JSONSchemaProps, path: string): FieldError[] {
    return causesOf(validateValue(schema.default, schema, this.#patterns), path);
  }
}
