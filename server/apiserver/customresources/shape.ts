import { isObject } from '#proto/meta/own-property.ts';
import { type Shape, shapeOfMessage } from '#server/apiserver/apply/typed.ts';
import { fieldSchema, itemSchema, type Structural } from './structural.ts';

const ATOMIC: Shape = { kind: 'atomic' };
/** Where nothing is specified, objects merge field by field and lists are replaced. */
const UNTYPED: Shape = { kind: 'fields', of: () => UNTYPED };

/** How objects of a custom kind merge under server-side apply. Rule: structured-merge-diff on the kind's OpenAPI. */
export function shapeOfStructural(schema: Structural | undefined): Shape {
  const root = schema ? shapeOf(schema) : UNTYPED;
  const meta = shapeOfMessage('meta/v1.ObjectMeta');
  return {
    kind: 'fields',
    of: (name) => (name === 'metadata' ? meta : root.kind === 'fields' ? root.of(name) : UNTYPED),
  };
}

function shapeOf(schema: Structural): Shape {
  switch (schema.type) {
    case 'array':
      return shapeOfList(schema);
    case 'object':
      if (schema['x-kubernetes-map-type'] === 'atomic') return ATOMIC;
      return fieldsOf(schema);
    default:
      return schema['x-kubernetes-preserve-unknown-fields'] ? UNTYPED : ATOMIC;
  }
}

function fieldsOf(schema: Structural): Shape {
  const known = new Map<string, Shape>();
  const embedded = schema['x-kubernetes-embedded-resource'] === true;
  const make = (name: string): Shape => {
    if (embedded && name === 'metadata') return shapeOfMessage('meta/v1.ObjectMeta');
    const inner = fieldSchema(schema, name);
    return inner ? shapeOf(inner) : UNTYPED;
  };
  return {
    kind: 'fields',
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
        items: items ? shapeOf(items) : UNTYPED,
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
