import { setOwn } from '#proto/meta/own-property.ts';
import {
  jsonNumber,
  nothingToRead,
  readDuration,
  readFields,
  readIntOrString,
  readQuantity,
  readRaw,
  readTime,
} from '#proto/meta/protobuf/scalars.ts';
import { BYTES, FIXED64, ProtobufError, VARINT, type WireReader } from '#proto/meta/protobuf/wire.ts';
import { isEmpty, isZero } from '#proto/schema/empty.ts';
import type { Field, Message, Schema, Type } from '#proto/schema/schema.ts';

/** Deeper nesting than any object has. */
const MAX_DEPTH = 200;
/** Two bytes can ask for an empty message, so that messages are counted, not only bytes. */
const MAX_MESSAGES = 250_000;

/**
 * Reads messages as the JSON that Go would make of them: what is absent on the wire is Go's zero value, and
 * omitempty decides whether that is written. One decoder a document: it carries the limits.
 */
export class MessageDecoder {
  readonly #schema: Schema;
  readonly #nested: (bytes: Uint8Array) => unknown;
  #depth = 0;
  #messages = 0;

  /** `nested` reads what a RawExtension holds. */
  constructor(schema: Schema, nested: (bytes: Uint8Array) => unknown) {
    this.#schema = schema;
    this.#nested = nested;
  }

  message(reader: WireReader, message: Message): Record<string, unknown> {
    const out: Record<string, unknown> = {};
    this.#into(out, reader, message);
    return out;
  }

  #into(out: Record<string, unknown>, reader: WireReader, message: Message): void {
    if (++this.#depth > MAX_DEPTH) throw new ProtobufError('exceeded max depth');
    if (++this.#messages > MAX_MESSAGES) throw new ProtobufError('too many messages in one document');
    const values = new Map<Field, unknown>();
    readFields(reader, (number, wire) => {
      const field = message.byNumber.get(number);
      if (!field) return false;
      this.#read(values, field, reader, wire);
      return true;
    });
    for (const field of message.fields) this.#write(out, field, values.get(field));
    this.#depth--;
  }

  #read(values: Map<Field, unknown>, field: Field, reader: WireReader, wire: number): void {
    const { type } = field;
    if (type.kind === 'list' && !type.wrapped) {
      const list = (values.get(field) as unknown[] | undefined) ?? [];
      if (wire === BYTES && isNumeric(type.items)) {
        const packed = reader.delimited();
        while (!packed.done) list.push(this.#value(packed, type.items, numericWire(type.items)));
      } else list.push(this.#value(reader, type.items, wire));
      values.set(field, list);
    } else if (type.kind === 'map') {
      const map = (values.get(field) as Record<string, unknown> | undefined) ?? {};
      expect(wire, BYTES, field.name);
      this.#entry(map, reader.delimited(), type.items);
      values.set(field, map);
    } else if (field.inline) {
      expect(wire, BYTES, field.name);
      values.set(field, reader.delimited());
    } else values.set(field, this.#value(reader, type, wire));
  }

  #entry(map: Record<string, unknown>, reader: WireReader, items: Type): void {
    let key = '';
    let value: unknown;
    readFields(reader, (number, wire) => {
      if (number === 1) {
        expect(wire, BYTES, 'key');
        key = reader.string();
      } else if (number === 2) value = this.#value(reader, items, wire);
      else return false;
      return true;
    });
    setOwn(map, key, value === undefined ? this.#zero(items) : value);
  }

  #value(reader: WireReader, type: Type, wire: number): unknown {
    if (type.kind === 'scalar') return this.#scalar(reader, type, wire);
    expect(wire, BYTES, type.go);
    const inner = reader.delimited();
    if (type.kind === 'message') return this.message(inner, this.#schema.message(type.message));
    if (type.kind === 'map') throw new ProtobufError(`${type.go} has no wire form here`);
    const list: unknown[] = [];
    readFields(inner, (number, itemWire) => {
      if (number !== 1) return false;
      list.push(this.#value(inner, type.items, itemWire));
      return true;
    });
    return list;
  }

  #scalar(reader: WireReader, type: Type & { kind: 'scalar' }, wire: number): unknown {
    switch (type.scalar) {
      case 'bool':
        expect(wire, VARINT, type.go);
        return reader.varint() !== 0;
      case 'int':
      case 'int64':
        expect(wire, VARINT, type.go);
        return jsonNumber(reader.int64());
      case 'int32':
        expect(wire, VARINT, type.go);
        return Number(BigInt.asIntN(32, BigInt(reader.int64())));
      case 'float64':
        expect(wire, FIXED64, type.go);
        return reader.double();
    }
    expect(wire, BYTES, type.go);
    if (type.scalar === 'string') return reader.string();
    if (type.scalar === 'bytes') return Buffer.from(reader.bytes()).toString('base64');
    const inner = reader.delimited();
    switch (type.scalar) {
      case 'time':
      case 'microTime':
        return readTime(inner, type.scalar === 'microTime');
      case 'duration':
        return readDuration(inner);
      case 'quantity':
        return readQuantity(inner);
      case 'intOrString':
        return readIntOrString(inner);
      case 'raw':
      case 'json':
      case 'fieldsV1': {
        const raw = readRaw(inner);
        return raw === undefined || raw.length === 0 ? null : this.#nested(raw);
      }
      case 'schemaOrArray':
      case 'schemaOrBool':
      case 'schemaOrStringArray':
        return this.#schemaOr(inner, type.scalar);
      case 'any':
        throw new ProtobufError(`${type.go} has no wire form`);
    }
  }

  /** The unions of JSON Schema: `{1 schema, 2 schemas}`, `{1 allows, 2 schema}`, `{1 schema, 2 strings}`. */
  #schemaOr(reader: WireReader, kind: 'schemaOrArray' | 'schemaOrBool' | 'schemaOrStringArray'): unknown {
    const props = this.#schema.message('apiextensions/v1.JSONSchemaProps');
    let schema: unknown;
    let allows = false;
    const list: unknown[] = [];
    readFields(reader, (number, wire) => {
      if (number > 2) return false;
      if (kind === 'schemaOrBool' && number === 1) {
        expect(wire, VARINT, 'allows');
        allows = reader.varint() !== 0;
        return true;
      }
      expect(wire, BYTES, 'schema');
      if (kind === 'schemaOrStringArray' && number === 2) list.push(reader.string());
      else {
        const read = this.message(reader.delimited(), props);
        if (kind === 'schemaOrArray' && number === 2) list.push(read);
        else schema = read;
      }
      return true;
    });
    if (kind === 'schemaOrBool') return schema ?? allows;
    return list.length > 0 ? list : (schema ?? null);
  }

  #write(out: Record<string, unknown>, field: Field, value: unknown): void {
    const { type } = field;
    if (field.inline) {
      if (type.kind !== 'message' || (type.pointer && value === undefined) || field.number === 0) return;
      const reader = (value as WireReader | undefined) ?? nothingToRead();
      this.#into(out, reader, this.#schema.message(type.message));
      return;
    }
    const own = value === undefined ? (type.pointer ? null : this.#zero(type)) : value;
    if (field.omitEmpty && isEmpty(type, own, value !== undefined)) return;
    if (field.omitZero && isZero(type, own, value !== undefined)) return;
    out[field.name] = own;
  }

  /** Go's zero value of a type that is not a pointer, as JSON. */
  #zero(type: Type): unknown {
    if (type.kind === 'message') return this.message(nothingToRead(), this.#schema.message(type.message));
    if (type.kind !== 'scalar') return null;
    switch (type.scalar) {
      case 'string':
        return '';
      case 'bool':
      case 'schemaOrBool':
        return false;
      case 'int':
      case 'int32':
      case 'int64':
      case 'float64':
      case 'intOrString':
        return 0;
      case 'quantity':
        return '0';
      case 'duration':
        return '0s';
      default:
        return null;
    }
  }
}

function expect(wire: number, want: number, what: string): void {
  if (wire !== want) throw new ProtobufError(`wrong wireType = ${wire} for field ${what}`);
}

const isNumeric = (type: Type): boolean =>
  type.kind === 'scalar' && ['bool', 'int', 'int32', 'int64', 'float64'].includes(type.scalar);

const numericWire = (type: Type): number =>
  type.kind === 'scalar' && type.scalar === 'float64' ? FIXED64 : VARINT;
