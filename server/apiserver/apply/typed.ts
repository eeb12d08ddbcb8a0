import { isObject, type JsonObject } from '#proto/meta/own-property.ts';
import { type Field, schema, type Type } from '#proto/schema/schema.ts';

/** How a value merges under server-side apply. Rule: structured-merge-diff's reading of the list and map types. */
export type Shape =
  | { readonly kind: 'atomic' }
  | { readonly kind: 'fields'; readonly of: (name: string) => Shape }
  | {
      readonly kind: 'list-map';
      readonly keys: readonly string[];
      readonly items: Shape;
      readonly defaults: JsonObject;
    }
  | { readonly kind: 'set' };

const ATOMIC: Shape = { kind: 'atomic' };

/** The shape of a message's objects; fields that it does not know are atomic. */
export function shapeOfMessage(id: string): Shape {
  const { properties } = schema.message(id);
  return {
    kind: 'fields',
    of: (name) => {
      const field = properties.get(name);
      return field ? shapeOfField(field) : ATOMIC;
    },
  };
}

function shapeOfField({ type, listType, listMapKeys, mapType }: Field): Shape {
  switch (type.kind) {
    case 'list':
      if (listType === 'set') return { kind: 'set' };
      if (listType !== 'map') return ATOMIC;
      return {
        kind: 'list-map',
        keys: listMapKeys,
        items: shapeOfType(type.items),
        defaults: defaultsOf(type.items, listMapKeys),
      };
    case 'map': {
      if (mapType === 'atomic') return ATOMIC;
      const items = shapeOfType(type.items);
      return { kind: 'fields', of: () => items };
    }
    case 'message':
      return mapType === 'atomic' ? ATOMIC : shapeOfType(type);
    case 'scalar':
      return ATOMIC;
  }
}

const shapeOfType = (type: Type): Shape => (type.kind === 'message' ? shapeOfMessage(type.message) : ATOMIC);

/** Keys that may be left out of an item have a default: `protocol: TCP`. */
function defaultsOf(items: Type, keys: readonly string[]): JsonObject {
  if (items.kind !== 'message') return {};
  const { properties } = schema.message(items.message);
  return Object.fromEntries(
    keys.flatMap((key) => {
      const value = properties.get(key)?.default;
      return value === undefined ? [] : [[key, value]];
    }),
  );
}

/** `k:{"containerPort":80,"protocol":"TCP"}`: what FieldsV1 calls an item of a list by its keys. */
export function itemKey(shape: Shape & { kind: 'list-map' }, item: unknown): string {
  const own = isObject(item) ? item : {};
  const keys = [...shape.keys].sort().flatMap((key) => {
    const value = own[key] ?? shape.defaults[key];
    return value === undefined ? [] : [[key, value] as const];
  });
  return `k:${JSON.stringify(Object.fromEntries(keys))}`;
}

/** `v:"a"`: an item of a set. */
export const valueKey = (item: unknown): string => `v:${JSON.stringify(item)}`;
