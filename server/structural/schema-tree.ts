import { isObject } from '#proto/meta/own-property.ts';
import type { JSONSchemaProps } from '#proto/schema/generated/apiextensions-v1.ts';

/** Everything below a node that is a schema, and the node itself; whether `holds` for any of them. */
export function someSchema(
  schema: JSONSchemaProps | undefined,
  holds: (schema: JSONSchemaProps) => boolean,
): boolean {
  if (!schema) return false;
  return holds(schema) || childSchemas(schema).some((child) => someSchema(child, holds));
}

function childSchemas(schema: JSONSchemaProps): JSONSchemaProps[] {
  const { items, additionalProperties, additionalItems, not, dependencies } = schema;
  return [
    ...(Array.isArray(items) ? items : items ? [items] : []),
    ...(schema.allOf ?? []),
    ...(schema.anyOf ?? []),
    ...(schema.oneOf ?? []),
    ...(not ? [not] : []),
    ...Object.values(schema.properties ?? {}),
    ...Object.values(schema.patternProperties ?? {}),
    ...Object.values(schema.definitions ?? {}),
    ...Object.values(dependencies ?? {}).filter((one): one is JSONSchemaProps => isObject(one)),
    ...[additionalProperties, additionalItems].filter((one): one is JSONSchemaProps => isObject(one)),
  ];
}

/** The one schema that all items of a list have. */
export const itemsOf = ({ items }: JSONSchemaProps): JSONSchemaProps | undefined =>
  Array.isArray(items) ? undefined : items;

/** The schema of the entries of a map. */
export const entriesOf = ({ additionalProperties }: JSONSchemaProps): JSONSchemaProps | undefined =>
  isObject(additionalProperties) ? (additionalProperties as JSONSchemaProps) : undefined;
