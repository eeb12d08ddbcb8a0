/** The protobuf wire format, read and written without trust: every length is checked against what is there. */

export const VARINT = 0;
export const FIXED64 = 1;
export const BYTES = 2;
export const FIXED32 = 5;

/** The bytes are no message of the type they should be. */
export class ProtobufError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ProtobufError';
  }
}

const utf8 = new TextDecoder('utf-8');

export class WireReader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #at: number;

  constructor(bytes: Uint8Array, from = 0, end = bytes.length) {
    this.#bytes = bytes;
    this.#at = from;
    this.#end = end;
  }

  get done(): boolean {
    return this.#at >= this.#end;
  }

  get left(): number {
    return this.#end - this.#at;
  }

  #byte(): number {
    if (this.#at >= this.#end) throw new ProtobufError('unexpected EOF');
    return this.#bytes[this.#at++] as number; // in range: #end never passes the array's end
  }

  /** The field number and the wire type. */
  tag(): { number: number; wire: number } {
    const tag = this.varint();
    const wire = tag % 8;
    const number = Math.floor(tag / 8);
    if (number < 1 || number > 0x1fffffff)
      throw new ProtobufError(`illegal tag ${number} (wire type ${wire})`);
    return { number, wire };
  }

  /** As an unsigned number; loses precision beyond 2^53. */
  varint(): number {
    let value = 0;
    let factor = 1;
    for (let i = 0; i < 10; i++) {
      const byte = this.#byte();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
      factor *= 128;
    }
    throw new ProtobufError('integer overflow');
  }

  /** As a signed 64-bit integer. */
  int64(): bigint | number {
    const start = this.#at;
    const fast = this.varint();
    if (fast <= Number.MAX_SAFE_INTEGER) return fast;
    let value = 0n;
    for (let i = start, shift = 0n; i < this.#at; i++, shift += 7n)
      value |= BigInt((this.#bytes[i] as number) & 0x7f) << shift;
    return BigInt.asIntN(64, value);
  }

  double(): number {
    const { start } = this.#take(8);
    return new DataView(this.#bytes.buffer, this.#bytes.byteOffset + start, 8).getFloat64(0, true);
  }

  /** A length-delimited value as a reader of its own; no copy. */
  delimited(): WireReader {
    const { start, end } = this.#take(this.varint());
    return new WireReader(this.#bytes, start, end);
  }

  bytes(): Uint8Array {
    const { start, end } = this.#take(this.varint());
    return this.#bytes.subarray(start, end);
  }

  /** Bytes that are not UTF-8 come out as replacement characters, as Go's JSON does. */
  string(): string {
    const part = this.bytes();
    return part.length === 0 ? '' : utf8.decode(part);
  }

  skip(wire: number): void {
    if (wire === VARINT) this.varint();
    else if (wire === FIXED64) this.#take(8);
    else if (wire === BYTES) this.#take(this.varint());
    else if (wire === FIXED32) this.#take(4);
    else throw new ProtobufError(`illegal wireType ${wire}`);
  }

  #take(length: number): { start: number; end: number } {
    if (length > this.left) throw new ProtobufError('unexpected EOF');
    const start = this.#at;
    this.#at += length;
    return { start, end: this.#at };
  }
}

export class WireWriter {
  #bytes = new Uint8Array(256);
  #at = 0;

  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#at);
  }

  tag(number: number, wire: number): void {
    this.varint(number * 8 + wire);
  }

  varint(value: number | bigint): void {
    this.#room(10);
    if (typeof value === 'bigint' || value < 0 || value > Number.MAX_SAFE_INTEGER) {
      let rest = BigInt.asUintN(64, BigInt(value));
      while (rest > 0x7fn) {
        this.#bytes[this.#at++] = Number(rest & 0x7fn) | 0x80;
        rest >>= 7n;
      }
      this.#bytes[this.#at++] = Number(rest);
      return;
    }
    let rest = value;
    while (rest > 0x7f) {
      this.#bytes[this.#at++] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    this.#bytes[this.#at++] = rest;
  }

  double(value: number): void {
    this.#room(8);
    new DataView(this.#bytes.buffer).setFloat64(this.#at, value, true);
    this.#at += 8;
  }

  bytes(value: Uint8Array): void {
    this.varint(value.length);
    this.raw(value);
  }

  /** Without a length before it. */
  raw(value: Uint8Array): void {
    this.#room(value.length);
    this.#bytes.set(value, this.#at);
    this.#at += value.length;
  }

  #room(more: number): void {
    if (this.#at + more <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#at + more));
    grown.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = grown;
  }
}
