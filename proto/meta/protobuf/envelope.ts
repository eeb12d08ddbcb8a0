import { type JsonObject, setOwn } from '#proto/meta/own-property.ts';
import { MessageDecoder } from '#proto/meta/protobuf/decode.ts';
import { encodeMessage } from '#proto/meta/protobuf/encode.ts';
import { readFields } from '#proto/meta/protobuf/scalars.ts';
import { BYTES, ProtobufError, WireReader, WireWriter } from '#proto/meta/protobuf/wire.ts';
import { type GroupVersionKind, type Message, schema } from '#proto/schema/schema.ts';

/**
 * Kubernetes' protobuf bodies: `k8s\0` and a runtime.Unknown {1 typeMeta {1 apiVersion, 2 kind}, 2 raw, 3
 * contentEncoding, 4 contentType} around the message of a built-in kind.
 */
const MAGIC = new Uint8Array([0x6b, 0x38, 0x73, 0]);

export const isProtobuf = (bytes: Uint8Array): boolean => MAGIC.every((byte, i) => bytes[i] === byte);

interface Envelope {
  readonly apiVersion: string;
  readonly kind: string;
  readonly raw: Uint8Array;
}

/**
 * The object that the bytes hold, as Go would write it in JSON. `defaults` is the kind when the envelope
 * does not say one. Throws {@link ProtobufError}.
 */
export function decodeProtobuf(bytes: Uint8Array, defaults?: GroupVersionKind): JsonObject {
  return decodeAt(bytes, defaults, 0);
}

function decodeAt(bytes: Uint8Array, defaults: GroupVersionKind | undefined, level: number): JsonObject {
  if (level > 4) throw new ProtobufError('exceeded max depth');
  const envelope = readEnvelope(bytes);
  const apiVersion = envelope.apiVersion || (defaults ? versionText(defaults) : '');
  const kind = envelope.kind || defaults?.kind || '';
  if (kind === '') throw new ProtobufError(`Object 'Kind' is missing in the protobuf message`);
  const message = messageOf(apiVersion, kind);
  if (!message)
    throw new ProtobufError(
      `no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)}`,
    );
  const decoder = new MessageDecoder(schema, (raw) => nested(raw, level));
  const out: JsonObject = {};
  if (message.isKind) Object.assign(out, { kind, apiVersion });
  const object = decoder.message(new WireReader(envelope.raw), message);
  for (const key of Object.keys(object)) setOwn(out, key, object[key]);
  return out;
}

/** What a RawExtension holds: an envelope of its own, or JSON. */
function nested(raw: Uint8Array, level: number): unknown {
  if (isProtobuf(raw)) return decodeAt(raw, undefined, level + 1);
  try {
    return JSON.parse(new TextDecoder().decode(raw));
  } catch (cause) {
    throw new ProtobufError('an embedded object is neither JSON nor protobuf', { cause });
  }
}

function readEnvelope(bytes: Uint8Array): Envelope {
  if (!isProtobuf(bytes))
    throw new ProtobufError(
      'provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]',
    );
  const reader = new WireReader(bytes, MAGIC.length);
  let apiVersion = '';
  let kind = '';
  let raw = new Uint8Array(0);
  readFields(reader, (number, wire) => {
    if (number > 4) return false;
    if (wire !== BYTES) throw new ProtobufError(`wrong wireType = ${wire} for field ${number} of Unknown`);
    if (number === 1) {
      const meta = reader.delimited();
      readFields(meta, (n, w) => {
        if (w !== BYTES || n > 2) return false;
        if (n === 1) apiVersion = meta.string();
        else kind = meta.string();
        return true;
      });
    } else if (number === 2) raw = reader.bytes() as Uint8Array<ArrayBuffer>;
    else if (number === 3 && reader.string() !== '')
      throw new ProtobufError('encoded content is not supported');
    else if (number === 4) reader.string();
    return true;
  });
  return { apiVersion, kind, raw };
}

/** The same object as protobuf. Throws {@link ProtobufError} for kinds that are not built in. */
export function encodeProtobuf(object: Readonly<JsonObject>): Uint8Array {
  const { apiVersion, kind } = object;
  const message =
    typeof apiVersion === 'string' && typeof kind === 'string' ? messageOf(apiVersion, kind) : undefined;
  if (!message) throw new ProtobufError(`no kind "${kind}" is registered for version "${apiVersion}"`);
  const meta = new WireWriter();
  const text = new TextEncoder();
  meta.tag(1, BYTES);
  meta.bytes(text.encode(apiVersion as string));
  meta.tag(2, BYTES);
  meta.bytes(text.encode(kind as string));
  const out = new WireWriter();
  out.raw(MAGIC);
  out.tag(1, BYTES);
  out.bytes(meta.finish());
  out.tag(2, BYTES);
  out.bytes(encodeMessage(schema, message, object));
  for (const number of [3, 4]) {
    out.tag(number, BYTES);
    out.varint(0);
  }
  return out.finish();
}

function messageOf(apiVersion: string, kind: string): Message | undefined {
  const slash = apiVersion.indexOf('/');
  const group = slash < 0 ? '' : apiVersion.slice(0, slash);
  return schema.kind({ group, version: apiVersion.slice(slash + 1), kind });
}

const versionText = ({ group, version }: GroupVersionKind): string =>
  group ? `${group}/${version}` : version;
