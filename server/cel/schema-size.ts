import type { SchemaSizes, StructuralSchema } from '#server/cel/engine.ts';
import { escapeProperty, typeOfSchema, withObjectMeta } from '#server/cel/schema-type.ts';

const MAX_REQUEST_BYTES = 3 * 1024 * 1024;
const DATE_BYTES = 12;
const MAX_TIME_BYTES = 32;
const STRING: StructuralSchema = { type: 'string' };

/** How much there can be of what a schema describes, in one request. Rule: apiserver `pkg/cel/common/schemas.go`. */
export function sizesOfSchema(schema: StructuralSchema, isResourceRoot = false): SchemaSizes {
  const root = isResourceRoot ? withObjectMeta(schema) : schema;
  return {
    minBytes: minBytes(root),
    maxAt: (path) => {
      let at: StructuralSchema | undefined = root;
      for (const step of path) {
        if (!at) return undefined;
        at = stepInto(at, step);
      }
      return at && maxElements(at);
    },
  };
}

const completed = (schema: StructuralSchema): StructuralSchema =>
  schema['x-kubernetes-embedded-resource'] ? withObjectMeta(schema) : schema;

const itemsOf = ({ items }: StructuralSchema): StructuralSchema | undefined =>
  typeof items === 'object' && items !== null ? completed(items as StructuralSchema) : undefined;

const valuesOf = ({ additionalProperties }: StructuralSchema): StructuralSchema | undefined =>
  typeof additionalProperties === 'object' ? completed(additionalProperties) : undefined;

function stepInto(schema: StructuralSchema, step: string): StructuralSchema | undefined {
  const isMap = schema.type === 'object' && valuesOf(schema) !== undefined;
  switch (step) {
    case '@items':
    case '@values':
      return isMap ? valuesOf(schema) : schema.type === 'array' ? itemsOf(schema) : undefined;
    case '@keys':
      return isMap ? { ...STRING, maxLength: 0 } : undefined;
    default: {
      if (isMap || schema.type !== 'object') return undefined;
      const found = Object.entries(schema.properties ?? {}).find(([name]) => escapeProperty(name) === step);
      return found && typeOfSchema(found[1]) ? completed(found[1]) : undefined;
    }
  }
}

/** Of strings, lists and maps. */
function maxElements(schema: StructuralSchema): number {
  if (schema['x-kubernetes-int-or-string']) return maxCharacters(schema) ?? MAX_REQUEST_BYTES - 2;
  switch (schema.type) {
    case 'array': {
      const items = itemsOf(schema);
      const most = Math.floor((MAX_REQUEST_BYTES - 2) / ((items ? minBytes(items) : 0) + 1));
      return schema.maxItems === undefined ? most : Math.max(schema.maxItems, 0);
    }
    case 'object': {
      const values = valuesOf(schema);
      if (!values) return 0;
      const most = Math.floor((MAX_REQUEST_BYTES - 2) / (minBytes(values) + 6));
      return schema.maxProperties === undefined ? most : Math.max(schema.maxProperties, 0);
    }
    case 'string':
      return maxOfString(schema);
    default:
      return 0;
  }
}

/** In bytes, of which a character may take four. */
const maxCharacters = ({ maxLength }: StructuralSchema): number | undefined =>
  maxLength === undefined ? undefined : Math.max(maxLength, 0) * 4;

function maxOfString(schema: StructuralSchema): number {
  switch (schema.format) {
    case 'byte':
      return schema.maxLength === undefined ? MAX_REQUEST_BYTES - 2 : Math.max(schema.maxLength, 0);
    case 'date':
      return DATE_BYTES;
    case 'duration':
    case 'date-time':
      return MAX_TIME_BYTES;
    default: {
      const most = maxCharacters(schema);
      if (most !== undefined) return most;
      const lengths = (schema.enum ?? []).map((one) =>
        typeof one === 'string' ? Buffer.byteLength(one) : 0,
      );
      return lengths.length > 0 ? Math.max(...lengths) : MAX_REQUEST_BYTES - 2;
    }
  }
}

const MIN_OF_STRINGS: Readonly<Record<string, number>> = { duration: 3, date: DATE_BYTES, 'date-time': 21 };
const MIN_OF_TYPES: Readonly<Record<string, number>> = { array: 2, boolean: 4, number: 1, integer: 1 };

/** The least that it takes as JSON. */
function minBytes(schema: StructuralSchema): number {
  if (schema['x-kubernetes-int-or-string']) return 1;
  if (schema.type === 'string') return MIN_OF_STRINGS[schema.format ?? ''] ?? 2;
  if (schema.type !== 'object') return MIN_OF_TYPES[schema.type ?? ''] ?? 0;
  let bytes = 2;
  if (valuesOf(schema)) return bytes;
  for (const name of new Set(schema.required ?? [])) {
    const property = schema.properties?.[name];
    if (property && property.default === undefined && typeOfSchema(property))
      bytes += name.length + minBytes(completed(property)) + 4;
  }
  return bytes;
}
