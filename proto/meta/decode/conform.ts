import { kindOf, readScalar, ValueProblem } from '#proto/meta/decode/scalars.ts';
import { joinPath, type StrictErrors } from '#proto/meta/decode/strict.ts';
import { isObject, type JsonObject, setOwn } from '#proto/meta/own-property.ts';
import { QUANTITY_FORM } from '#proto/meta/quantity.ts';
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
    const given = new Map<Field, unknown>();
    for (const key of Object.keys(value)) {
      // In the order of the text: of several problems, the first is the one that is told.
      const field = message.properties.get(key);
      if (!field) this.#strict?.unknown(joinPath(at.path, key));
      else if (value[key] !== null && value[key] !== undefined)
        given.set(field, this.#value(field.type, value[key], within(message, field, at)));
    }
    const out: JsonObject = {};
    for (const field of message.properties.values()) {
      if (!given.has(field)) this.#fill(out, field);
      else if (!field.omitEmpty || !isEmpty(field.type, given.get(field), true) || isReset(field, at))
        out[field.name] = given.get(field);
    }
    return out;
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

  /**
   * A field that is always written has Go's zero value; raw values have none in JSON, and that of times is null.
   * Structs, and so quantities and times, are never omitted by omitempty.
   */
  #fill(out: JsonObject, { name, type, omitEmpty, omitZero }: Field): void {
    const isTime = type.kind === 'scalar' && /time$/i.test(type.scalar);
    const isStruct =
      type.kind === 'message' || (type.kind === 'scalar' && type.scalar === 'quantity') || isTime;
    if (type.pointer || omitZero || (omitEmpty && !isStruct)) return;
    const zero = this.#zero(type);
    if (zero !== null || isTime) out[name] = zero;
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

/** An empty list says something here: that all who own fields should be forgotten. */
const isReset = ({ name }: Field, at: Place): boolean => name === 'managedFields' && at.path === 'metadata';

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

const within = (message: Message, { name }: Field, at: Place): Place => {
  const embedded = message.embedded.get(name);
  return {
    struct: message.name,
    fields: joinPath(at.fields, embedded ? `${embedded}.${name}` : name),
    path: joinPath(at.path, name),
  };
};

/** What Go's types with a reader of their own try to read, and so name in their errors. */
const READ_AS: Readonly<Record<string, string>> = {
  time: 'string',
  microTime: 'string',
  duration: 'string',
  intOrString: 'int32',
};

function mismatch(type: Type, value: unknown, at: Place): Error {
  const scalar = type.kind === 'scalar' ? type.scalar : '';
  if (scalar === 'quantity') return new ValueProblem(QUANTITY_FORM);
  const go = READ_AS[scalar] ?? type.go;
  const kind = typeof value === 'number' && /^int/.test(go) ? `number ${value}` : kindOf(value);
  return new TypeProblem(
    `json: cannot unmarshal ${kind} into Go struct field ${at.struct}.${at.fields} of type ${go}`,
  );
}

/** Whether the error says that the input does not fit its type: the caller's fault. */
export const isInputProblem = (err: unknown): err is Error =>
  err instanceof TypeProblem || err instanceof ValueProblem;
