import { isObject, type JsonObject } from '#proto/meta/own-property.ts';
import { BYTES, FIXED64, VARINT, WireWriter } from '#proto/meta/protobuf/wire.ts';

/**
 * Swagger 2.0 as protobuf, which kubectl before 1.27 and client-go's OpenAPI cache read. The messages are those of
 * gnostic's `openapiv2/OpenAPIv2.proto`, as far as documents here have something to put into them.
 */
export function encodeOpenApiV2(document: JsonObject): Uint8Array {
  const out = new Out();
  out.text(1, document['swagger']);
  out.message(2, document['info'], (info, own) => {
    info.text(1, own['title']);
    info.text(2, own['version']);
  });
  out.message(8, document['paths'], (paths, own) => paths.named(2, own, pathItem));
  out.message(9, document['definitions'], (definitions, own) => definitions.named(1, own, schema));
  return out.finish();
}

type Fill = (out: Out, value: JsonObject) => void;

const METHODS: Readonly<Record<string, number>> = {
  get: 2,
  put: 3,
  post: 4,
  delete: 5,
  options: 6,
  head: 7,
  patch: 8,
};

const pathItem: Fill = (out, item) => {
  for (const [method, number] of Object.entries(METHODS)) out.message(number, item[method], operation);
  out.each(9, item['parameters'], parametersItem);
};

const operation: Fill = (out, own) => {
  out.texts(1, own['tags']);
  out.text(3, own['description']);
  out.text(5, own['operationId']);
  out.texts(6, own['produces']);
  out.texts(7, own['consumes']);
  out.each(8, own['parameters'], parametersItem);
  out.message(9, own['responses'], (responses, codes) => responses.named(1, codes, responseValue));
  out.texts(10, own['schemes']);
  out.extensions(13, own);
};

/** ParametersItem, Parameter, and in it one for the body or one of those that are elsewhere. */
const parametersItem: Fill = (out, own) =>
  out.message(1, own, (parameter) => {
    if (own['in'] === 'body') parameter.message(1, own, bodyParameter);
    else
      parameter.message(2, own, (elsewhere) =>
        own['in'] === 'path'
          ? elsewhere.message(4, own, (path) => {
              plainParameter(path, own);
              path.text(5, own['type']);
              path.bool(19, own['uniqueItems']);
            })
          : elsewhere.message(3, own, (query) => {
              plainParameter(query, own);
              query.text(6, own['type']);
              query.bool(20, own['uniqueItems']);
            }),
      );
  });

const plainParameter: Fill = (out, own) => {
  out.bool(1, own['required']);
  out.text(2, own['in']);
  out.text(3, own['description']);
  out.text(4, own['name']);
};

const bodyParameter: Fill = (out, own) => {
  out.text(1, own['description']);
  out.text(2, own['name']);
  out.text(3, own['in']);
  out.bool(4, own['required']);
  out.message(5, own['schema'], schema);
};

const responseValue: Fill = (out, own) =>
  out.message(1, own, (response) => {
    response.text(1, own['description']);
    response.message(2, own['schema'], (item, of) => item.message(1, of, schema));
  });

const schema: Fill = (out, own) => {
  out.text(1, own['$ref']);
  out.text(2, own['format']);
  out.text(3, own['title']);
  out.text(4, own['description']);
  out.any(5, own['default']);
  out.double(6, own['multipleOf']);
  out.double(7, own['maximum']);
  out.bool(8, own['exclusiveMaximum']);
  out.double(9, own['minimum']);
  out.bool(10, own['exclusiveMinimum']);
  out.integer(11, own['maxLength']);
  out.integer(12, own['minLength']);
  out.text(13, own['pattern']);
  out.integer(14, own['maxItems']);
  out.integer(15, own['minItems']);
  out.bool(16, own['uniqueItems']);
  out.integer(17, own['maxProperties']);
  out.integer(18, own['minProperties']);
  out.texts(19, own['required']);
  if (Array.isArray(own['enum'])) for (const value of own['enum']) out.any(20, value);
  const additional = own['additionalProperties'];
  if (typeof additional === 'boolean') out.message(21, {}, (item) => item.varint(2, Number(additional)));
  else out.message(21, additional, (item, of) => item.message(1, of, schema));
  if (own['type'] !== undefined) out.message(22, own, (type) => type.texts(1, [own['type']]));
  out.message(23, own['items'], (items, of) => items.message(1, of, schema));
  out.each(24, own['allOf'], schema);
  out.message(25, own['properties'], (properties, of) => properties.named(1, of, schema));
  out.extensions(31, own);
};

/** Writes fields of one message. What is absent is not written; neither are the defaults of proto3. */
class Out {
  readonly #wire = new WireWriter();

  finish(): Uint8Array {
    return this.#wire.finish();
  }

  #bytes(number: number, bytes: Uint8Array): void {
    this.#wire.tag(number, BYTES);
    this.#wire.bytes(bytes);
  }

  text(number: number, value: unknown): void {
    if (typeof value === 'string' && value !== '') this.#bytes(number, Buffer.from(value));
  }

  texts(number: number, values: unknown): void {
    if (Array.isArray(values)) for (const value of values) this.#bytes(number, Buffer.from(String(value)));
  }

  varint(number: number, value: number): void {
    this.#wire.tag(number, VARINT);
    this.#wire.varint(value);
  }

  bool(number: number, value: unknown): void {
    if (value === true) this.varint(number, 1);
  }

  integer(number: number, value: unknown): void {
    if (typeof value === 'number' && Number.isSafeInteger(value) && value !== 0) this.varint(number, value);
  }

  double(number: number, value: unknown): void {
    if (typeof value !== 'number' || value === 0) return;
    this.#wire.tag(number, FIXED64);
    this.#wire.double(value);
  }

  message(number: number, value: unknown, fill: Fill): void {
    if (!isObject(value)) return;
    const inner = new Out();
    fill(inner, value);
    this.#bytes(number, inner.finish());
  }

  each(number: number, values: unknown, fill: Fill): void {
    if (Array.isArray(values)) for (const value of values) this.message(number, value, fill);
  }

  /** A map: a list of messages with a name and a value. */
  named(number: number, values: JsonObject, fill: Fill): void {
    for (const [name, value] of Object.entries(values))
      this.message(number, {}, (entry) => {
        entry.text(1, name);
        entry.message(2, value, fill);
      });
  }

  /** Any value, as YAML, of which JSON is a part. */
  any(number: number, value: unknown): void {
    if (value !== undefined) this.message(number, {}, (any) => any.text(2, JSON.stringify(value)));
  }

  /** The fields that begin with `x-`. */
  extensions(number: number, own: JsonObject): void {
    for (const [name, value] of Object.entries(own))
      if (name.startsWith('x-') && value !== undefined)
        this.message(number, {}, (entry) => {
          entry.text(1, name);
          entry.any(2, value);
        });
  }
}
