/** The little of DER (ITU-T X.690) that certificates and their requests need: a writer, and a reader that trusts nothing. */

const concat = (parts: readonly Uint8Array[]): Buffer => Buffer.concat(parts);

function lengthBytes(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length]);
  const bytes: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return Buffer.from([0x80 | bytes.length, ...bytes]);
}

/** Tag, length, contents. */
export function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const body = concat(contents);
  return concat([Buffer.from([tag]), lengthBytes(body.length), body]);
}

export const sequence = (...items: readonly Uint8Array[]): Buffer => der(0x30, ...items);
/** SET OF: DER wants its members sorted. */
export const setOf = (...items: readonly Uint8Array[]): Buffer =>
  der(0x31, ...[...items].sort((a, b) => Buffer.compare(a, b)));
export const octetString = (value: Uint8Array): Buffer => der(0x04, value);
export const utf8String = (value: string): Buffer => der(0x0c, Buffer.from(value));
export const boolean = (value: boolean): Buffer => der(0x01, Buffer.from([value ? 0xff : 0]));
export const bitString = (value: Uint8Array, unusedBits = 0): Buffer =>
  der(0x03, Buffer.from([unusedBits]), value);
/** `[n]` constructed. */
export const explicit = (n: number, ...contents: readonly Uint8Array[]): Buffer => der(0xa0 + n, ...contents);
/** `[n]` primitive. */
export const implicit = (n: number, value: Uint8Array): Buffer => der(0x80 + n, value);

/** A non-negative integer from its big-endian bytes: no needless zeroes in front, one where the sign bit would show. */
export function integer(bytes: Uint8Array): Buffer {
  let at = 0;
  while (at < bytes.length - 1 && bytes[at] === 0) at++;
  const value = bytes.subarray(at);
  return ((value[0] ?? 0) & 0x80) !== 0 ? der(0x02, Buffer.from([0]), value) : der(0x02, value);
}

export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes = [first * 40 + second];
  for (const arc of rest) {
    const septets = [arc & 0x7f];
    for (let left = arc >>> 7; left > 0; left >>>= 7) septets.unshift((left & 0x7f) | 0x80);
    bytes.push(...septets);
  }
  return der(0x06, Buffer.from(bytes));
}

/** UTCTime before 2050, GeneralizedTime from then on. Rule: RFC 5280 §4.1.2.5. */
export function time(epochMs: number): Buffer {
  const date = new Date(epochMs);
  const text = `${date.toISOString().replace(/[-:T]/g, '').slice(0, 14)}Z`;
  return date.getUTCFullYear() < 2050 ? der(0x17, Buffer.from(text.slice(2))) : der(0x18, Buffer.from(text));
}

/** One element that was read. */
export interface DerElement {
  readonly tag: number;
  readonly contents: Buffer;
  /** Tag and length included. */
  readonly raw: Buffer;
}

export class DerError extends Error {
  constructor(message: string) {
    super(`malformed DER: ${message}`);
    this.name = 'DerError';
  }
}

/** The first element of `bytes`, and where it ends. */
function readAt(bytes: Buffer, at: number): { element: DerElement; end: number } {
  const tag = bytes[at];
  const first = bytes[at + 1];
  if (tag === undefined || first === undefined) throw new DerError('it ends early');
  if ((tag & 0x1f) === 0x1f) throw new DerError('a tag of several bytes');
  let length = first;
  let start = at + 2;
  if (first & 0x80) {
    const count = first & 0x7f;
    if (count === 0 || count > 4) throw new DerError('an indefinite or huge length');
    length = 0;
    for (let i = 0; i < count; i++) length = length * 256 + (bytes[start + i] ?? 0);
    start += count;
  }
  const end = start + length;
  if (end > bytes.length) throw new DerError('an element is longer than what holds it');
  return { element: { tag, contents: bytes.subarray(start, end), raw: bytes.subarray(at, end) }, end };
}

/** The one element that `bytes` is, with nothing behind it. */
export function readDer(bytes: Uint8Array, tag?: number): DerElement {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { element, end } = readAt(buffer, 0);
  if (end !== buffer.length) throw new DerError('there is something behind it');
  if (tag !== undefined && element.tag !== tag)
    throw new DerError(`tag ${element.tag} where ${tag} was expected`);
  return element;
}

/** The elements that a constructed one holds. */
export function readChildren(element: DerElement): DerElement[] {
  const children: DerElement[] = [];
  for (let at = 0; at < element.contents.length; ) {
    const { element: child, end } = readAt(element.contents, at);
    children.push(child);
    at = end;
  }
  return children;
}

export function readOid(element: DerElement): string {
  if (element.tag !== 0x06 || element.contents.length === 0) throw new DerError('no object identifier');
  const arcs: number[] = [];
  let arc = 0;
  for (const byte of element.contents) {
    arc = arc * 128 + (byte & 0x7f);
    if (arc > Number.MAX_SAFE_INTEGER) throw new DerError('an object identifier is too long');
    if ((byte & 0x80) === 0) {
      arcs.push(arc);
      arc = 0;
    }
  }
  const [head = 0, ...rest] = arcs;
  const first = Math.min(2, Math.floor(head / 40));
  return [first, head - first * 40, ...rest].join('.');
}
