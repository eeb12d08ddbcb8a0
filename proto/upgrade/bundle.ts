/**
 * An upgrade of a flashed board, in one file: a line that says what it is, a line of JSON, a line with the signature of that
 * JSON, and the system's bytes, whose hash the JSON has. So a board knows whom it listens to before it writes a byte, and
 * can write while it receives.
 */
import { createHash, type KeyObject, sign, verify } from 'node:crypto';

const MAGIC = 'coracle upgrade 1';
const MAX_HEAD_BYTES = 16 * 1024;

export interface UpgradeManifest {
  /** `coracle-0.2.0-rpi-server` */
  readonly name: string;
  readonly version: string;
  readonly board: string;
  readonly role: 'server' | 'agent';
  /** Of the squashfs that follows. */
  readonly sizeBytes: number;
  /** Hex. */
  readonly sha256: string;
}

/** The file is no upgrade, or none to be trusted; the message says why. */
export class UpgradeError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'UpgradeError';
  }
}

/** What goes before the system's bytes. The key is Ed25519, private. */
export function formatHead(manifest: UpgradeManifest, key: KeyObject): Buffer {
  const text = JSON.stringify(manifest);
  return Buffer.from(`${MAGIC}\n${text}\n${sign(null, signed(text), key).toString('base64')}\n`);
}

/** So that a signature of this key on something else is worth nothing here. */
const signed = (text: string): Buffer => Buffer.from(`${MAGIC}\n${text}`);

export interface Head {
  readonly manifest: UpgradeManifest;
  /** Its text, and what is to be its signature. */
  readonly text: string;
  readonly signature: Buffer;
}

/** Reads the head off a stream; `rest` gives what comes after it. Throws an {@link UpgradeError}. */
export async function readHead(
  stream: AsyncIterable<Uint8Array>,
): Promise<Head & { readonly rest: AsyncIterable<Uint8Array> }> {
  const chunks = stream[Symbol.asyncIterator]();
  let head = Buffer.alloc(0);
  let end = -1;
  while (end < 0) {
    const { value, done } = await chunks.next();
    if (done || head.length > MAX_HEAD_BYTES) throw new UpgradeError('this file is no upgrade of Coracle');
    head = Buffer.concat([head, value]);
    end = thirdLineEnd(head);
  }
  const [magic, text = '', signature = ''] = head.subarray(0, end).toString('utf8').split('\n');
  if (magic !== MAGIC) throw new UpgradeError('this file is no upgrade of Coracle');
  const first = head.subarray(end);
  async function* rest(): AsyncGenerator<Uint8Array> {
    if (first.length > 0) yield first;
    for (;;) {
      const { value, done } = await chunks.next();
      if (done) return;
      yield value;
    }
  }
  return {
    manifest: readManifest(text),
    text,
    signature: Buffer.from(signature, 'base64'),
    rest: rest(),
  };
}

/** Throws unless the key's owner signed it. The key is Ed25519, public. */
export function checkSignature({ text, signature }: Head, key: KeyObject): void {
  if (key.asymmetricKeyType !== 'ed25519' || !verify(null, signed(text), key, signature))
    throw new UpgradeError('the upgrade is not signed with the key that this board trusts');
}

/** Passes bytes on and throws at their end, or as soon as there are too many, unless they are those of the manifest. */
export async function* checked(
  { sizeBytes, sha256 }: UpgradeManifest,
  bytes: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of bytes) {
    size += chunk.length;
    if (size > sizeBytes) throw new UpgradeError('the upgrade is longer than it says');
    hash.update(chunk);
    yield chunk;
  }
  if (size < sizeBytes) throw new UpgradeError(`the upgrade ends after ${size} of ${sizeBytes} bytes`);
  if (hash.digest('hex') !== sha256)
    throw new UpgradeError('the upgrade is damaged: its hash is another one');
}

function thirdLineEnd(bytes: Buffer): number {
  let at = 0;
  for (let line = 0; line < 3; line++) {
    at = bytes.indexOf(0x0a, at) + 1;
    if (at === 0) return -1;
  }
  return at;
}

function readManifest(text: string): UpgradeManifest {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new UpgradeError('this file is no upgrade of Coracle: its description can not be read');
  }
  const { name, version, board, role, sizeBytes, sha256 } = (value ?? {}) as Record<string, unknown>;
  if (
    typeof name !== 'string' ||
    typeof version !== 'string' ||
    typeof board !== 'string' ||
    (role !== 'server' && role !== 'agent') ||
    typeof sizeBytes !== 'number' ||
    !Number.isSafeInteger(sizeBytes) ||
    sizeBytes <= 0 ||
    typeof sha256 !== 'string' ||
    !/^[0-9a-f]{64}$/.test(sha256)
  )
    throw new UpgradeError('this file is no upgrade of Coracle: its description is not complete');
  return { name, version, board, role, sizeBytes, sha256 };
}
