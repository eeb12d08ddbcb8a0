import { type Message, type Scalar, schema, type Type } from '#proto/schema/schema.ts';
import {
  BOOL,
  BYTES,
  type CelType,
  DOUBLE,
  DYN,
  INT,
  listOf,
  mapOf,
  type ObjectField,
  STRING,
  TIMESTAMP,
} from '#server/cel/type.ts';

/** Built-in kinds as expressions see them, read as far as an expression asks. */
export function typeOfMessage({ properties }: Message, name: string): CelType {
  const known = new Map<string, ObjectField>();
  return {
    kind: 'object',
    name,
    field: (json) => {
      const found = known.get(json);
      if (found) return found;
      const field = properties.get(json);
      if (!field) return undefined;
      const made = { json, type: typeOf(field.type, `${name}.${json}`) };
      known.set(json, made);
      return made;
    },
  };
}

function typeOf(type: Type, name: string): CelType {
  switch (type.kind) {
    case 'message':
      return typeOfMessage(schema.message(type.message), name);
    case 'list':
      return listOf(typeOf(type.items, `${name}.@idx`));
    case 'map':
      return mapOf(STRING, typeOf(type.items, `${name}.@elem`));
    case 'scalar':
      return typeOfScalar(type.scalar, name);
  }
}

function typeOfScalar(scalar: Scalar, name: string): CelType {
  switch (scalar) {
    case 'string':
    case 'duration':
      return STRING;
    case 'bool':
      return BOOL;
    case 'int':
    case 'int32':
    case 'int64':
      return INT;
    case 'float64':
      return DOUBLE;
    case 'bytes':
      return BYTES;
    case 'time':
    case 'microTime':
      return TIMESTAMP;
    case 'raw':
    case 'fieldsV1':
      return { kind: 'object', name, field: () => undefined };
    default:
      // Quantities too: upstream has no type for them, and warns of each expression that names one.
      return DYN;
  }
}
