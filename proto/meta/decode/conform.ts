import { kindOf, readScalar, ValueProblem } from '#proto/meta/decode/scalars.ts';
import { joinPath, type StrictErrors } from '#proto/meta/decode/strict.ts';
import { isObject, type JsonObject, setOwn } from '#proto/meta/own-property.ts';
import { isEmpty } from '#proto/schema/empty.ts';
import type { Field, Message, Schema, Type } from '#proto/schema/schema.ts';

/** A value has the wrong JSON type; the message is encoding/json's. */
export class TypeProblem extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'TypeProblem';
  }
}

/** Where the walk is: Go's errors name the innermost struct and the fields on the way, paths the indices too. */
interface Place {
  readonly struct: string;
  readonly fields: string;
  readonly path: string;
}

/**
 * Rebuilds an object as if it had gone through the Go type: unknown fields are reported and dropped, values
 * of the wrong type refused, texts made canonical, what omitempty omits left out, and fields that are not
 * optional there. The result shares nothing with the input.
 */
export function conform(
  schema: Schema,
  message: Message,
  value: unknown,
  strict: StrictErrors | undefined,
): JsonObject {
  const walk = new Walk(schema, strict);
  if (!isObject(value))
    throw new TypeProblem(`json: cannot unmarshal ${kindOf(value)} into Go value of type v1.${message.name}`);
  return walk.message(message, value, { struct: message.name, fields: '', path: '' });
}

class Walk {
  readonly #schema: Schema;
  readonly #strict: StrictErrors | undefined;

  constructor(schema: Schema, strict: StrictErrors | undefined) {
    this.#schema = schema;
    this.#strict = strict;
  }

  message(message: Message, value: JsonObject, at: Place): JsonObject {
    if (this.#strict)
      for (const key of Object.keys(value))
        if (!message.properties.has(key)) this.#strict.unknown(joinPath(at.path, key));
    const out: JsonObject = {};
    for (const field of message.properties.values()) this.#field(out, message, field, value, at);
    return out;
  }

  #field(out: JsonObject, message: Message, field: Field, from: JsonObject, at: Place): void {
    const given = Object.hasOwn(from, field.name) ? from[field.name] : undefined;
    if (given === undefined || given === null) {
      const needed = message.isKind && (field.name === 'metadata' || field.name === 'spec');
      if (!field.omitEmpty || needed) this.#fill(out, field);
      return;
    }
    const place = {
      struct: message.name,
      fields: joinPath(at.fields, field.name),
      path: joinPath(at.path, field.name),
    };
    const own = this.#value(field.type, given, place);
    if (field.omitEmpty && isEmpty(field.type, own, true)) return;
    out[field.name] = own;
  }

  #value(type: Type, value: unknown, at: Place): unknown {
    switch (type.kind) {
      case 'message':
        if (value === null) return this.#zero(type);
        if (!isObject(value)) throw mismatch(type, value, at);
        return this.message(this.#schema.message(type.message), value, at);
      case 'list':
        if (value === null) return [];
        if (!Array.isArray(value)) throw mismatch(type, value, at);
        return value.map((item, i) => this.#value(type.items, item, { ...at, path: `${at.path}[${i}]` }));
      case 'map': {
        if (value === null) return {};
        if (!isObject(value)) throw mismatch(type, value, at);
        const out: JsonObject = {};
        for (const key of Object.keys(value))
          setOwn(out, key, this.#value(type.items, value[key], { ...at, path: joinPath(at.path, key) }));
        return out;
      }
      case 'scalar':
        return this.#scalar(type, value, at);
    }
  }

  #scalar(type: Type & { kind: 'scalar' }, value: unknown, at: Place): unknown {
    switch (type.scalar) {
      case 'raw':
      case 'json':
      case 'fieldsV1':
      case 'any':
        return structuredClone(value);
      case 'schemaOrArray':
      case 'schemaOrBool':
      case 'schemaOrStringArray':
        return this.#schemaOr(type, value, at);
    }
    if (value === null) return this.#zero(type);
    const own = readScalar(type.scalar, value);
    if (own === undefined) throw mismatch(type, value, at);
    return own;
  }

  #schemaOr(type: Type & { kind: 'scalar' }, value: unknown, at: Place): unknown {
    const props = this.#schema.message('apiextensions/v1.JSONSchemaProps');
    if (isObject(value)) return this.message(props, value, at);
    if (type.scalar === 'schemaOrBool' && typeof value === 'boolean') return value;
    if (Array.isArray(value) && type.scalar !== 'schemaOrBool')
      return value.map((item, i) => {
        if (type.scalar === 'schemaOrArray' && isObject(item))
          return this.message(props, item, { ...at, path: `${at.path}[${i}]` });
        if (type.scalar === 'schemaOrStringArray' && typeof item === 'string') return item;
        throw mismatch(type, item, at);
      });
    if (value === null) return null;
    throw mismatch(type, value, at);
  }

  /** A field that is always written has Go's zero value; times and raw values have none in JSON. */
  #fill(out: JsonObject, field: Field): void {
    if (field.type.pointer) return;
    const zero = this.#zero(field.type);
    if (zero !== null) out[field.name] = zero;
  }

  #zero(type: Type): unknown {
    switch (type.kind) {
      case 'message':
        return this.message(this.#schema.message(type.message), {}, { struct: '', fields: '', path: '' });
      case 'list':
        return [];
      case 'map':
        return {};
      case 'scalar':
        return ZERO[type.scalar] ?? null;
    }
  }
}

const ZERO: Readonly<Record<string, unknown>> = {
  string: '',
  bool: false,
  int: 0,
  int32: 0,
  int64: 0,
  float64: 0,
  quantity: '0',
  intOrString: 0,
  duration: '0s',
  bytes: '',
};

function mismatch(type: Type, value: unknown, at: Place): TypeProblem {
  const kind = typeof value === 'number' && /int/.test(type.go) ? `number ${value}` : kindOf(value);
  return new TypeProblem(
    `json: cannot unmarshal ${kind} into Go struct field ${at.struct}.${at.fields} of type ${type.go}`,
  );
}

/** Whether the error says that the input does not fit its type: the caller's fault. */
export const isInputProblem = (err: unknown): err is Error =>
  err instanceof TypeProblem || err instanceof ValueProblem;
