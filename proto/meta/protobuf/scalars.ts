import { formatDuration } from '#proto/meta/duration.ts';
import { ProtobufError, WireReader } from '#proto/meta/protobuf/wire.ts';
import { canonicalQuantity } from '#proto/meta/quantity.ts';
import { formatMicroTime, formatTime, type Instant } from '#proto/meta/timestamp.ts';

/** The zero of Go's time.Time, which JSON writes as null. */
export const ZERO_TIME_SECONDS = -62_135_596_800;

/** A JSON number where it is exact or close; Go's int64 beyond 2^53 has no exact one. */
export const jsonNumber = (value: bigint | number): number => Number(value);

/** `Timestamp{1 seconds, 2 nanos}`; all zero is Go's zero time, null. */
export function readTime(reader: WireReader, micro: boolean): string | null {
  const at = { seconds: 0, nanos: 0 };
  readFields(reader, (number) => {
    if (number === 1) at.seconds = jsonNumber(reader.int64());
    else if (number === 2) at.nanos = jsonNumber(reader.int64());
    else return false;
    return true;
  });
  if ((at.seconds === 0 && at.nanos === 0) || at.seconds === ZERO_TIME_SECONDS) return null;
  const text = micro ? formatMicroTime(clean(at)) : formatTime(clean(at));
  if (text === undefined) throw new ProtobufError('Time.MarshalJSON: year outside of range [0,9999]');
  return text;
}

/** Nanoseconds outside one second carry over, as time.Unix does. */
function clean({ seconds, nanos }: Instant): Instant {
  const carry = Math.floor(nanos / 1e9);
  return { seconds: seconds + carry, nanos: nanos - carry * 1e9 };
}

export function readDuration(reader: WireReader): string {
  let nanoseconds = 0n;
  readFields(reader, (number) => {
    if (number !== 1) return false;
    nanoseconds = BigInt(reader.int64());
    return true;
  });
  return formatDuration(nanoseconds);
}

export function readQuantity(reader: WireReader): string {
  let text = '';
  readFields(reader, (number) => {
    if (number !== 1) return false;
    text = reader.string();
    return true;
  });
  try {
    return text === '' ? '0' : canonicalQuantity(text);
  } catch (cause) {
    throw new ProtobufError(cause instanceof Error ? cause.message : 'not a quantity', { cause });
  }
}

/** `IntOrString{1 type, 2 intVal, 3 strVal}`. */
export function readIntOrString(reader: WireReader): number | string {
  let type = 0;
  let int = 0;
  let text = '';
  readFields(reader, (number) => {
    if (number === 1) type = reader.varint();
    else if (number === 2) int = jsonNumber(reader.int64()) | 0;
    else if (number === 3) text = reader.string();
    else return false;
    return true;
  });
  if (type > 1) throw new ProtobufError('impossible IntOrString.Type');
  return type === 0 ? int : text;
}

/** `{1 raw}`: RawExtension, FieldsV1 and apiextensions' JSON. */
export function readRaw(reader: WireReader): Uint8Array | undefined {
  let raw: Uint8Array | undefined;
  readFields(reader, (number) => {
    if (number !== 1) return false;
    raw = reader.bytes();
    return true;
  });
  return raw;
}

/** Calls `read` with each field's number; what it does not take is skipped. */
export function readFields(reader: WireReader, read: (number: number, wire: number) => boolean): void {
  while (!reader.done) {
    const { number, wire } = reader.tag();
    if (!read(number, wire)) reader.skip(wire);
  }
}

/** An empty message, for a struct that is not a pointer and not on the wire. */
export const nothingToRead = (): WireReader => new WireReader(new Uint8Array(0));
