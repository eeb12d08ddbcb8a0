/**
 * What a backup is: text in lines, gzipped, that a person can read with `zcat` and `jq`.
 *
 * - The first line is the {@link BackupHeader}.
 * - A line a file of the server's keys: `{"file":"ca.key","mode":384,"text":"…"}`.
 * - A line an object: `{"key":"…","revision":7,"object":…}`, the object byte for byte as it is stored.
 * - The last line counts both and carries the SHA-256 of all lines before it. A backup without it is not whole.
 */
import { createHash, type Hash } from 'node:crypto';
import { Readable, type Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { isObject } from '#proto/meta/own-property.ts';

export interface BackupHeader {
  readonly format: 'coracle-backup';
  readonly version: 1;
  /** RFC 3339. */
  readonly createdAt: string;
  /** The versions of Coracle and of the API that wrote it. */
  readonly coracle: string;
  readonly kubernetes: string;
  /** The name of the server's board. */
  readonly server: string;
  /** `sha256:<hex>`, as join tokens carry it: which cluster this is. */
  readonly caHash: string;
  /** Of the store, when the backup was made: every object is as it was then. */
  readonly revision: number;
}

export interface BackupFile {
  /** A plain name in the folder of keys. */
  readonly file: string;
  readonly mode: number;
  readonly text: string;
}

export interface BackupObject {
  readonly key: string;
  readonly revision: number;
  /** JSON. */
  readonly bytes: Uint8Array;
}

export interface BackupContents {
  readonly header: BackupHeader;
  readonly files: readonly BackupFile[];
  readonly objects: Iterable<BackupObject>;
}

/** A backup that can't be used: damaged, cut off, or of something else. The message says which. */
export class BackupError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'BackupError';
  }
}

/** Lines are joined to pieces of about this size: gzip is called less often. */
const PIECE_BYTES = 64 * 1024;
/** No object of an API that takes 3 MiB a request is longer. */
const MAX_LINE_BYTES = 32 * 1024 * 1024;
const NEWLINE = 10;

/** The archive's bytes, made as they are read. */
export function writeArchive(contents: BackupContents): AsyncIterable<Uint8Array> {
  return through(Readable.from(pieces(contents)), createGzip());
}

function* pieces(contents: BackupContents): Generator<Buffer> {
  const hash = createHash('sha256');
  let pending: Buffer[] = [];
  let bytes = 0;
  for (const line of lines(contents, hash)) {
    pending.push(line);
    bytes += line.length;
    if (bytes < PIECE_BYTES) continue;
    yield Buffer.concat(pending);
    [pending, bytes] = [[], 0];
  }
  yield Buffer.concat(pending);
}

function* lines({ header, files, objects }: BackupContents, hash: Hash): Generator<Buffer> {
  const line = (...parts: (string | Uint8Array)[]): Buffer => {
    const buffer = Buffer.concat([...parts, '\n'].map((part) => Buffer.from(part as string)));
    hash.update(buffer);
    return buffer;
  };
  yield line(JSON.stringify(header));
  for (const { file, mode, text } of files) yield line(JSON.stringify({ file, mode, text }));
  let count = 0;
  for (const { key, revision, bytes } of objects) {
    count++;
    yield line(objectPrefix(key, revision), bytes, '}');
  }
  yield Buffer.from(
    `${JSON.stringify({ end: { files: files.length, objects: count, sha256: hash.digest('hex') } })}\n`,
  );
}

const objectPrefix = (key: string, revision: number): string =>
  `{"key":${JSON.stringify(key)},"revision":${revision},"object":`;

export type BackupItem =
  | { readonly type: 'header'; readonly header: BackupHeader }
  | ({ readonly type: 'file' } & BackupFile)
  | ({ readonly type: 'object' } & BackupObject);

/**
 * Reads an archive; whoever acts on an item must undo it when a later one throws a {@link BackupError}: only the last
 * line proves that the rest is whole.
 */
export async function* readArchive(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<BackupItem> {
  const hash = createHash('sha256');
  const counts = { files: 0, objects: 0 };
  let begun = false;
  let ended = false;
  for await (const line of linesOf(gunzip(chunks))) {
    if (ended) throw new BackupError('the backup goes on after its end');
    const value = parse(line);
    if (!begun) {
      begun = true;
      yield { type: 'header', header: headerOf(value) };
    } else if (isObject(value['end'])) {
      ended = true;
      const { files, objects, sha256 } = value['end'];
      if (files !== counts.files || objects !== counts.objects || sha256 !== hash.digest('hex'))
        throw new BackupError('the backup is damaged: its checksum does not fit');
      continue;
    } else {
      const item = itemOf(value, line);
      counts[item.type === 'file' ? 'files' : 'objects']++;
      yield item;
    }
    hash.update(line).update('\n');
  }
  if (!ended) throw new BackupError('the backup is cut off: its last line is missing');
}

function headerOf(value: Record<string, unknown>): BackupHeader {
  if (value['format'] !== 'coracle-backup') throw new BackupError('this is no backup of Coracle');
  if (value['version'] !== 1)
    throw new BackupError(`this backup has format ${String(value['version'])}: a newer Coracle can read it`);
  const { revision } = value;
  if (!Number.isSafeInteger(revision)) throw new BackupError('the backup is damaged: it has no revision');
  return value as unknown as BackupHeader;
}

function itemOf(value: Record<string, unknown>, line: Buffer): BackupItem & { type: 'file' | 'object' } {
  const { file, mode, text, key, revision } = value;
  if (typeof file === 'string' && typeof mode === 'number' && typeof text === 'string') {
    if (!/^[\w-][\w.-]*$/.test(file))
      throw new BackupError(`the backup names a file ${JSON.stringify(file)}`);
    return { type: 'file', file, mode, text };
  }
  if (typeof key === 'string' && Number.isSafeInteger(revision)) {
    const prefix = Buffer.from(objectPrefix(key, revision as number));
    if (line.subarray(0, prefix.length).equals(prefix)) {
      const bytes = new Uint8Array(line.subarray(prefix.length, -1));
      return { type: 'object', key, revision: revision as number, bytes };
    }
  }
  throw new BackupError('the backup is damaged: a line is neither file nor object');
}

function parse(line: Buffer): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line.toString());
    if (isObject(value)) return value;
  } catch {
    // Told below, as for every other line that is no object.
  }
  throw new BackupError('the backup is damaged: a line is no JSON object');
}

async function* gunzip(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  try {
    yield* through(Readable.from(chunks), createGunzip());
  } catch (err) {
    if (err instanceof BackupError) throw err;
    throw new BackupError(`the backup is damaged: ${err instanceof Error ? err.message : String(err)}`, err);
  }
}

/** A failure of either reaches whoever reads; one who stops reading ends both. */
function through<T extends Transform>(source: Readable, transform: T): T {
  pipeline(source, transform).catch(() => undefined);
  return transform;
}

async function* linesOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let rest: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of chunks) {
    let start = 0;
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, start)) {
      yield Buffer.concat([...rest, chunk.subarray(start, at)]);
      [rest, bytes, start] = [[], 0, at + 1];
    }
    rest.push(chunk.subarray(start));
    bytes += chunk.length - start;
    if (bytes > MAX_LINE_BYTES) throw new BackupError('the backup is damaged: a line does not end');
  }
  if (bytes > 0) throw new BackupError('the backup is cut off in the middle of a line');
}
