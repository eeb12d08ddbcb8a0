import { isObject, type JsonObject } from '#proto/meta/own-property.ts';
import type { Field, GroupVersionKind, Message, Schema, Type } from '#proto/schema/schema.ts';

/** How a value merges under server-side apply. Rule: structured-merge-diff's reading of the list and map types. */
export type Shape =
  | { readonly kind: 'atomic' }
  /** Nobody knows: maps merge key by key, all else is one value. */
  | { readonly kind: 'deduced' }
  | {
      readonly kind: 'fields';
      of(name: string): Shape;
      /** A field of the type; keys of a map are not, and are owned themselves, whatever they hold. */
      isField(name: string): boolean;
      /** There may be others than its fields. */
      readonly open: boolean;
    }
  | {
      readonly kind: 'list-map';
      readonly keys: readonly string[];
      readonly items: Shape;
      readonly defaults: JsonObject;
    }
  | { readonly kind: 'set' };

export const ATOMIC: Shape = { kind: 'atomic' };
export const DEDUCED: Shape = { kind: 'deduced' };
const DEDUCED_MAP: Shape = { kind: 'fields', of: () => DEDUCED, isField: () => false, open: true };

/** What a value that nobody knows the shape of is. */
export const resolved = (shape: Shape, value: unknown): Exclude<Shape, { kind: 'deduced' }> =>
  shape.kind !== 'deduced' ? shape : isObject(value) ? (DEDUCED_MAP as never) : (ATOMIC as never);

/** The shape of a built-in kind; others are deduced from what they hold. */
export function shapeOfKind(schema: Schema, kind: GroupVersionKind): Shape {
  const message = schema.kind(kind);
  return message ? shapeOfMessage(schema, message) : DEDUCED;
}

/** The shape of a message's objects; fields that it does not know are deduced. */
export function shapeOfMessage(schema: Schema, message: Message): Shape {
  if (message.atomic) return ATOMIC;
  const { properties } = message;
  const known = new Map<Field, Shape>();
  return {
    kind: 'fields',
    open: false,
    isField: (name) => properties.has(name),
    of: (name) => {
      const field = properties.get(name);
      if (!field) return DEDUCED;
      let shape = known.get(field);
      if (!shape) {
        shape = shapeOfField(schema, field);
        known.set(field, shape);
      }
      return shape;
    },
  };
}

function shapeOfField(schema: Schema, { type, listType, listMapKeys, mapType, structType }: Field): Shape {
  switch (type.kind) {
    case 'list':
      if (listType === 'set') return { kind: 'set' };
      if (listType !== 'map') return ATOMIC;
      return {
        kind: 'list-map',
        keys: listMapKeys,
        items: shapeOfType(schema, type.items),
        defaults: defaultsOf(schema, type.items, listMapKeys),
      };
    case 'map': {
      if (mapType === 'atomic') return ATOMIC;
      const items = shapeOfType(schema, type.items);
      return { kind: 'fields', of: () => items, isField: () => false, open: true };
    }
    case 'message': {
      const message = schema.message(type.message);
      if (structType === 'atomic') return ATOMIC;
      return shapeOfMessage(schema, structType === 'granular' ? { ...message, atomic: false } : message);
    }
    case 'scalar':
      return type.scalar === 'any' || type.scalar === 'json' ? DEDUCED : ATOMIC;
  }
}

const shapeOfType = (schema: Schema, type: Type): Shape =>
  type.kind === 'message' ? shapeOfMessage(schema, schema.message(type.message)) : ATOMIC;

/** Keys that may be left out of an item have a default: `protocol: TCP`, or what Go has for nothing. */
function defaultsOf(schema: Schema, items: Type, keys: readonly string[]): JsonObject {
  if (items.kind !== 'message') return {};
  const { properties } = schema.message(items.message);
  return Object.fromEntries(
    keys.flatMap((key) => {
      const field = properties.get(key);
      if (field?.default !== undefined) return [[key, field.default]];
      if (field?.type.kind !== 'scalar' || field.type.pointer || field.omitEmpty) return [];
      return [[key, field.type.scalar === 'string' ? '' : 0]];
    }),
  );
}

/** An item of a list does not say what it is called by. */
export class KeyProblem extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'KeyProblem';
  }
}

/** `k:{"containerPort":80,"protocol":"TCP"}`, `v:"a"`: what FieldsV1 calls an item. Throws a {@link KeyProblem}. */
export function itemKey(shape: Shape & { kind: 'list-map' | 'set' }, item: unknown): string {
  if (shape.kind === 'set') {
    if (item === null || item === undefined || typeof item === 'object')
      throw new KeyProblem(
        isObject(item)
          ? "associative list without keys has an element that's a map type"
          : "associative list without keys has an element that's an explicit null",
      );
    return `v:${JSON.stringify(item)}`;
  }
  if (!isObject(item)) throw new KeyProblem('associative list with keys may not have non-map elements');
  const keys = [...shape.keys].sort().map((key) => {
    const value = Object.hasOwn(item, key) ? item[key] : shape.defaults[key];
    if (value === undefined)
      throw new KeyProblem(
        `associative list with keys has an element that omits key field ${JSON.stringify(key)} (and doesn't have default value)`,
      );
    return `${JSON.stringify(key)}:${JSON.stringify(value)}`;
  });
  return `k:{${keys.join(',')}}`;
}
