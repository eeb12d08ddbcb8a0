import type { JSONSchemaProps } from '#proto/schema/generated/apiextensions-v1.ts';

/**
 * A structural schema: what a CustomResourceDefinition says of the values of one version, as it says it. That it is
 * structural was checked when the definition was written, so that here every value has one schema that types it.
 * Rule: apiextensions-apiserver `pkg/apiserver/schema`.
 */
export type Structural = Readonly<JSONSchemaProps>;

/** Below `additionalProperties: true`: anything, but nothing is specified further down. */
const ANYTHING: Structural = { nullable: true };

/** The schema of a field; undefined where none is specified. */
export function fieldSchema(schema: Structural, key: string): Structural | undefined {
  const { properties, additionalProperties } = schema;
  if (properties && Object.hasOwn(properties, key)) return properties[key];
  if (additionalProperties === undefined || additionalProperties === false) return undefined;
  return additionalProperties === true ? ANYTHING : additionalProperties;
}

/** Is the field one of the schema's own, no entry of a map? */
export const isProperty = ({ properties }: Structural, key: string): boolean =>
  properties !== undefined && Object.hasOwn(properties, key);

/** The schema of the items of a list: structural schemas have one for all. */
export const itemSchema = ({ items }: Structural): Structural | undefined =>
  items === undefined || Array.isArray(items) ? undefined : items;

/** The parts of an object that have a type of their own wherever a whole object is embedded. */
export const isTypeOrObjectMeta = (key: string): boolean =>
  key === 'apiVersion' || key === 'kind' || key === 'metadata';

/** The root of an object is an embedded resource, whether its schema says so or not. */
export const asRoot = (schema: Structural | undefined): Structural =>
  schema?.['x-kubernetes-embedded-resource'] ? schema : { ...schema, 'x-kubernetes-embedded-resource': true };
