import { isObject, type JsonObject } from '#proto/meta/own-property.ts';
import { isEmpty } from '#proto/schema/empty.ts';
import type { Message, Schema, Type } from '#proto/schema/schema.ts';

/**
 * Sets the defaults that are declared with the types (`protocol: TCP`), in place; what depends on other
 * fields is each kind's strategy. Parts of the schema without any default are not walked.
 */
export function applySchemaDefaults(schema: Schema, message: Message, object: JsonObject): void {
  if (!hasDefaults(schema, message)) return;
  for (const field of message.properties.values()) {
    const value = Object.hasOwn(object, field.name) ? object[field.name] : undefined;
    const missing = value === undefined || (!field.type.pointer && isEmpty(field.type, value, true));
    if (field.default !== undefined && missing) object[field.name] = field.default;
    else if (value !== undefined) walk(schema, field.type, value);
  }
}

function walk(schema: Schema, type: Type, value: unknown): void {
  if (type.kind === 'message' && isObject(value))
    applySchemaDefaults(schema, schema.message(type.message), value);
  else if (type.kind === 'list' && type.items.kind === 'message' && Array.isArray(value))
    for (const item of value) walk(schema, type.items, item);
  else if (type.kind === 'map' && type.items.kind === 'message' && isObject(value))
    for (const item of Object.values(value)) walk(schema, type.items, item);
}

/** Remembered by message, which lives as long as its schema does. */
const known = new WeakMap<Message, boolean>();

function hasDefaults(schema: Schema, message: Message): boolean {
  const answer = known.get(message);
  if (answer !== undefined) return answer;
  known.set(message, false); // a type within itself adds nothing new
  const found = [...message.properties.values()].some((field) => {
    const inner = leaf(field.type);
    return (
      field.default !== undefined ||
      (inner.kind === 'message' && hasDefaults(schema, schema.message(inner.message)))
    );
  });
  known.set(message, found);
  return found;
}

const leaf = (type: Type): Type => (type.kind === 'list' || type.kind === 'map' ? leaf(type.items) : type);
