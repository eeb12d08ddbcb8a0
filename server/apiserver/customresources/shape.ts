import { isObject } from '#proto/meta/own-property.ts';
import { schema as builtin } from '#proto/schema/schema.ts';
import { ATOMIC, DEDUCED, type Shape, shapeOfMessage } from '#server/apiserver/apply/shape.ts';
import {
  fieldSchema,
  isProperty,
  isTypeOrObjectMeta,
  itemSchema,
  type Structural,
} from '#server/structural/schema.ts';

/** How objects of a custom kind merge under server-side apply. Rule: structured-merge-diff on the kind's OpenAPI. */
export function shapeOfStructural(schema: Structural | undefined): Shape {
  return fieldsOf({ 'x-kubernetes-preserve-unknown-fields': !schema, ...schema }, true);
}

function shapeOf(schema: Structural): Shape {
  switch (schema.type) {
    case 'array':
      return shapeOfList(schema);
    case 'object':
      if (schema['x-kubernetes-map-type'] === 'atomic') return ATOMIC;
      return fieldsOf(schema, schema['x-kubernetes-embedded-resource'] === true);
    default:
      return schema['x-kubernetes-preserve-unknown-fields'] ? DEDUCED : ATOMIC;
  }
}

/** `whole`: it is an object with type and metadata of its own. */
function fieldsOf(schema: Structural, whole: boolean): Shape {
  const known = new Map<string, Shape>();
  const make = (name: string): Shape => {
    if (whole && name === 'metadata') return shapeOfMessage(builtin, builtin.message('meta/v1.ObjectMeta'));
    const inner = fieldSchema(schema, name);
    return inner ? shapeOf(inner) : DEDUCED;
  };
  const { additionalProperties, 'x-kubernetes-preserve-unknown-fields': preserves } = schema;
  return {
    kind: 'fields',
    open: preserves === true || (additionalProperties !== undefined && additionalProperties !== false),
    isField: (name) => isProperty(schema, name) || (whole && isTypeOrObjectMeta(name)),
    of: (name) => {
      const shape = known.get(name) ?? make(name);
      known.set(name, shape);
      return shape;
    },
  };
}

function shapeOfList(schema: Structural): Shape {
  const items = itemSchema(schema);
  switch (schema['x-kubernetes-list-type']) {
    case 'set':
      return { kind: 'set' };
    case 'map': {
      const keys = schema['x-kubernetes-list-map-keys'] ?? [];
      return {
        kind: 'list-map',
        keys,
        items: items ? shapeOf(items) : DEDUCED,
        defaults: Object.fromEntries(
          keys.flatMap((key) => {
            const own = items && fieldSchema(items, key);
            return own?.default === undefined || isObject(own.default) ? [] : [[key, own.default]];
          }),
        ),
      };
    }
    default:
      return ATOMIC;
  }
}
