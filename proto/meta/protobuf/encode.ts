import { parseDuration } from '#proto/meta/duration.ts';
import { getOwn, isObject, type JsonObject } from '#proto/meta/own-property.ts';
import { ZERO_TIME_SECONDS } from '#proto/meta/protobuf/scalars.ts';
import { BYTES, FIXED64, ProtobufError, VARINT, WireWriter } from '#proto/meta/protobuf/wire.ts';
import { parseTimestamp } from '#proto/meta/timestamp.ts';
import type { Field, Message, Schema, Type } from '#proto/schema/schema.ts';

const text = new TextEncoder();

/**
 * The message of a JSON object, byte for byte as Go's generated code writes it: fields by number, those that
 * are no pointers even when zero, maps by key.
 */
export function encodeMessage(schema: Schema, message: Message, object: Readonly<JsonObject>): Uint8Array {
  const out = new WireWriter();
  for (const field of [...message.byNumber.values()].sort((a, b) => a.number - b.number))
    writeField(schema, out, field, object);
  return out.finish();
}

function writeField(schema: Schema, out: WireWriter, field: Field, object: Readonly<JsonObject>): void {
  const { type, number } = field;
  if (field.inline) {
    if (type.kind !== 'message') return;
    const inner = schema.message(type.message);
    if (type.pointer && ![...inner.properties.keys()].some((key) => Object.hasOwn(object, key))) return;
    out.tag(number, BYTES);
    out.bytes(encodeMessage(schema, inner, object));
    return;
  }
  const value = getOwn(object, field.name) ?? undefined;
  if (type.kind === 'list' && !type.wrapped) {
    if (value === undefined) return;
    if (!Array.isArray(value)) throw wrong(field.name, 'a list');
    for (const item of value) writeValue(schema, out, number, type.items, item);
  } else if (type.kind === 'map') {
    if (value === undefined) return;
    if (!isObject(value)) throw wrong(field.name, 'an object');
    for (const key of Object.keys(value).sort()) {
      const entry = new WireWriter();
      entry.tag(1, BYTES);
      entry.bytes(text.encode(key));
      writeValue(schema, entry, 2, type.items, getOwn(value, key));
      out.tag(number, BYTES);
      out.bytes(entry.finish());
    }
  } else if (value !== undefined || (!type.pointer && hasZero(type)))
    writeValue(schema, out, number, type, value);
}

/** Lists, maps and bytes have no zero on the wire: nil is absent. */
const hasZero = (type: Type): boolean =>
  type.kind === 'message' || (type.kind === 'scalar' && type.scalar !== 'bytes');

function writeValue(schema: Schema, out: WireWriter, number: number, type: Type, value: unknown): void {
  if (type.kind === 'scalar') {
    writeScalar(schema, out, number, type, value);
    return;
  }
  out.tag(number, BYTES);
  if (type.kind === 'message') {
    if (value !== undefined && value !== null && !isObject(value)) throw wrong(type.go, 'an object');
    out.bytes(encodeMessage(schema, schema.message(type.message), value ?? {}));
  } else if (type.kind === 'list') {
    const inner = new WireWriter();
    for (const item of Array.isArray(value) ? value : []) writeValue(schema, inner, 1, type.items, item);
    out.bytes(inner.finish());
  } else throw wrong(type.go, 'something else');
}

function writeScalar(
  schema: Schema,
  out: WireWriter,
  number: number,
  type: Type & { kind: 'scalar' },
  value: unknown,
): void {
  switch (type.scalar) {
    case 'bool':
      out.tag(number, VARINT);
      out.varint(value === true ? 1 : 0);
      return;
    case 'int':
    case 'int32':
    case 'int64':
      out.tag(number, VARINT);
      out.varint(numberOf(value, type.go));
      return;
    case 'float64':
      out.tag(number, FIXED64);
      out.double(numberOf(value, type.go));
      return;
    case 'string':
      out.tag(number, BYTES);
      out.bytes(text.encode(stringOf(value, type.go)));
      return;
    case 'bytes':
      out.tag(number, BYTES);
      out.bytes(Buffer.from(stringOf(value, type.go), 'base64'));
      return;
  }
  const inner = new WireWriter();
  writeStruct(schema, inner, type.scalar, value, type.go);
  out.tag(number, BYTES);
  out.bytes(inner.finish());
}

function writeStruct(schema: Schema, out: WireWriter, scalar: string, value: unknown, go: string): void {
  switch (scalar) {
    case 'time':
    case 'microTime': {
      if (value === undefined || value === null) return;
      const at = parseTimestamp(stringOf(value, go));
      if (!at) throw wrong(go, 'a time');
      if (at.seconds === ZERO_TIME_SECONDS && at.nanos === 0) return;
      writeInt(out, 1, at.seconds);
      writeInt(out, 2, scalar === 'time' ? 0 : at.nanos - (at.nanos % 1000));
      return;
    }
    case 'duration': {
      const nanoseconds = parseDuration(stringOf(value ?? '0s', go));
      if (nanoseconds === undefined) throw wrong(go, 'a duration');
      writeInt(out, 1, nanoseconds);
      return;
    }
    case 'quantity':
      writeText(out, 1, String(value ?? '0'));
      return;
    case 'intOrString':
      writeInt(out, 1, typeof value === 'string' ? 1 : 0);
      writeInt(out, 2, typeof value === 'number' ? value : 0);
      writeText(out, 3, typeof value === 'string' ? value : '');
      return;
    case 'raw':
    case 'json':
    case 'fieldsV1':
      if (value === undefined || value === null) return;
      writeText(out, 1, JSON.stringify(value));
      return;
    default:
      writeSchemaOr(schema, out, scalar, value);
      return;
  }
}

function writeSchemaOr(schema: Schema, out: WireWriter, scalar: string, value: unknown): void {
  const props = schema.message('apiextensions/v1.JSONSchemaProps');
  const one = (number: number, item: unknown): void => {
    out.tag(number, BYTES);
    out.bytes(encodeMessage(schema, props, isObject(item) ? item : {}));
  };
  if (scalar === 'schemaOrBool') {
    // A schema implies that what it describes is allowed.
    writeInt(out, 1, value === true || isObject(value) ? 1 : 0);
    if (isObject(value)) one(2, value);
  } else if (Array.isArray(value)) {
    for (const item of value)
      if (scalar === 'schemaOrArray') one(2, item);
      else writeText(out, 2, stringOf(item, 'string'));
  } else if (isObject(value)) one(1, value);
}

function writeInt(out: WireWriter, number: number, value: number | bigint): void {
  out.tag(number, VARINT);
  out.varint(value);
}

function writeText(out: WireWriter, number: number, value: string): void {
  out.tag(number, BYTES);
  out.bytes(text.encode(value));
}

function numberOf(value: unknown, go: string): number {
  if (value === undefined || value === null) return 0;
  if (typeof value !== 'number') throw wrong(go, 'a number');
  return value;
}

function stringOf(value: unknown, go: string): string {
  if (value === undefined || value === null) return '';
  if (typeof value !== 'string') throw wrong(go, 'a string');
  return value;
}

const wrong = (what: string, want: string): ProtobufError => new ProtobufError(`${what} should be ${want}`);
