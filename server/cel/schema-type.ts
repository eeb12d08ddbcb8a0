import type { StructuralSchema } from '#server/cel/engine.ts';
import {
  BOOL,
  BYTES,
  type CelType,
  DOUBLE,
  DURATION,
  DYN,
  INT,
  listOf,
  mapOf,
  type ObjectField,
  STRING,
  TIMESTAMP,
} from '#server/cel/type.ts';

/** Words of CEL that a field can't be called in an expression. Rule: apiserver `pkg/cel/escaping.go`. */
const RESERVED = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return var void while'.split(
    ' ',
  ),
);

/** The name of a property in expressions; undefined where it has none. */
export function escapeProperty(name: string): string | undefined {
  if (RESERVED.has(name)) return `__${name}__`;
  if (!/^[A-Za-z_][A-Za-z0-9_./-]*$/.test(name)) return undefined;
  return name
    .replaceAll('__', '\0')
    .replaceAll('.', '__dot__')
    .replaceAll('-', '__dash__')
    .replaceAll('/', '__slash__')
    .replaceAll('\0', '__underscores__');
}

const META: StructuralSchema = {
  type: 'object',
  properties: { name: { type: 'string' }, generateName: { type: 'string' } },
};

/** See `CelEngine.typeOfSchema`. What no schema describes, preserved or not, can't be seen. Rule: apiserver `pkg/cel/common/schemas.go`. */
export function typeOfSchema(
  schema: StructuralSchema,
  isResourceRoot = false,
  name = 'object',
): CelType | undefined {
  if (schema['x-kubernetes-int-or-string']) return DYN;
  const isResource = isResourceRoot || schema['x-kubernetes-embedded-resource'] === true;
  switch (schema.type) {
    case 'array':
      return typeOfArray(schema, name);
    case 'object': {
      const values = schema.additionalProperties;
      if (typeof values === 'object') {
        const type = typeOfSchema(values, values['x-kubernetes-embedded-resource'], `${name}.@elem`);
        return type && mapOf(STRING, type);
      }
      return typeOfObject(schema, isResource, name);
    }
    case 'string':
      return typeOfString(schema.format);
    case 'boolean':
      return BOOL;
    case 'number':
      return DOUBLE;
    case 'integer':
      return INT;
    default:
      return undefined;
  }
}

function typeOfString(format: string | undefined): CelType {
  switch (format) {
    case 'byte':
      return BYTES;
    case 'duration':
      return DURATION;
    case 'date':
    case 'date-time':
      return TIMESTAMP;
    default:
      return STRING;
  }
}

function typeOfArray(schema: StructuralSchema, name: string): CelType | undefined {
  if (typeof schema.items !== 'object' || schema.items === null) return undefined;
  const items = typeOfSchema(schema.items as StructuralSchema, false, `${name}.@idx`);
  if (!items) return undefined;
  const listType = schema['x-kubernetes-list-type'];
  if (listType === 'set') return { ...listOf(items), listType };
  if (listType === 'map')
    return { ...listOf(items), listType, mapKeys: schema['x-kubernetes-list-map-keys'] };
  return listOf(items);
}

/** Its fields are read when an expression first asks for one. */
function typeOfObject(schema: StructuralSchema, isResource: boolean, name: string): CelType | undefined {
  const properties = schema.properties ?? {};
  const jsonNames = new Map<string, string>();
  for (const json of Object.keys(properties)) jsonNames.set(escapeProperty(json) ?? '', json);
  jsonNames.delete('');
  const known = new Map<string, ObjectField | undefined>();
  const describe = (json: string): StructuralSchema | undefined => {
    if (isResource && (json === 'apiVersion' || json === 'kind')) return { type: 'string' };
    const own = Object.hasOwn(properties, json) ? properties[json] : undefined;
    if (isResource && json === 'metadata')
      return { ...META, properties: { ...META.properties, ...pickNames(own) } };
    return own;
  };
  return {
    kind: 'object',
    name,
    field: (field) => {
      if (known.has(field)) return known.get(field);
      const json =
        jsonNames.get(field) ?? (isResource && escapeProperty(field) === field ? field : undefined);
      const described = json === undefined ? undefined : describe(json);
      const type = described && typeOfSchema(described, false, `${name}.${field}`);
      const found = type && json !== undefined ? { type, json } : undefined;
      if (found) known.set(field, found);
      return found;
    },
  };
}

const pickNames = (metadata: StructuralSchema | undefined): Readonly<Record<string, StructuralSchema>> => ({
  ...(metadata?.properties?.['name'] ? { name: metadata.properties['name'] } : {}),
  ...(metadata?.properties?.['generateName'] ? { generateName: metadata.properties['generateName'] } : {}),
});

/** What is at the root of every resource, described or not. */
export const withObjectMeta = (schema: StructuralSchema): StructuralSchema => ({
  ...schema,
  type: 'object',
  properties: {
    ...schema.properties,
    apiVersion: { type: 'string' },
    kind: { type: 'string' },
    metadata: { ...META, properties: { ...META.properties, ...pickNames(schema.properties?.['metadata']) } },
  },
});
