import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { constants, createGzip, gzip } from 'node:zlib';
import type {
  Answer,
  BytesAnswer,
  ChunksAnswer,
  PartsAnswer,
  WatchAnswer,
} from '#server/apiserver/http/exchange.ts';
import type { WatchBudget } from '#server/apiserver/http/watch-budget.ts';

const gzipAsync = promisify(gzip);
/** Below this the CPU costs more than the wire. Rule: upstream's `defaultGzipThresholdBytes`. */
const GZIP_BYTES = 128 * 1024;
/** Each piece waits for its turn of the event loop: small enough to share, large enough to arrive. */
const PIECE_BYTES = 512 * 1024;

/** HTTP/1 and HTTP/2 responses, as far as they are the same. */
export type Outgoing = Pick<
  ServerResponse,
  | 'writeHead'
  | 'write'
  | 'end'
  | 'destroy'
  | 'on'
  | 'once'
  | 'off'
  | 'writableLength'
  | 'writableEnded'
  | 'destroyed'
  | 'headersSent'
  | 'flushHeaders'
  | 'flushHeaders'
>;

/** Writes an answer. Resolves when it is over; never rejects: a client that went away is nobody's error. */
export async function sendAnswer(
  out: Outgoing,
  answer: Answer,
  acceptEncoding: string | undefined,
  budget: WatchBudget,
  isHead = false,
): Promise<void> {
  try {
    switch (answer.kind) {
      case 'bytes':
        return await sendBytes(out, answer, acceptEncoding, isHead);
      case 'parts':
        return await sendParts(out, answer, acceptEncoding, isHead);
      case 'watch':
        return await sendWatch(out, answer, budget);
      case 'chunks':
        return await sendChunks(out, answer);
    }
  } catch {
    out.destroy();
  }
}

function headersOf(answer: Answer): Record<string, string | string[]> {
  return {
    ...(answer.contentType ? { 'content-type': answer.contentType } : {}),
    'cache-control': 'no-cache, private',
    ...answer.headers,
    ...(answer.warnings?.length ? { warning: answer.warnings.map(warning) } : {}),
  };
}

/** RFC 7234: code 299, agent `-`, quoted text. */
const warning = (text: string): string =>
  `299 - "${text.replace(/[\\"]/g, '\\$&').replace(/[^\x20-\x7e]/g, '?')}"`;

async function sendBytes(
  out: Outgoing,
  answer: BytesAnswer,
  acceptEncoding: string | undefined,
  isHead: boolean,
): Promise<void> {
  const headers = headersOf(answer);
  let { body } = answer;
  if (!headers['content-encoding'] && isPacked(body.length, acceptEncoding)) {
    body = await gzipAsync(body, { level: constants.Z_BEST_SPEED });
    Object.assign(headers, GZIPPED);
  }
  if (answer.code !== 304) headers['content-length'] = String(body.length);
  out.writeHead(answer.code, headers);
  out.end(isHead ? undefined : body);
}

/** Long lists go out as fast as they are read, packed as they go: what waits is a few pieces, not the whole. */
async function sendParts(
  out: Outgoing,
  answer: PartsAnswer,
  acceptEncoding: string | undefined,
  isHead: boolean,
): Promise<void> {
  const length = answer.parts.reduce((sum, part) => sum + part.length, 0);
  if (length < GZIP_BYTES || isHead) {
    const body = Buffer.concat(answer.parts, length);
    return sendBytes(out, { ...answer, kind: 'bytes', body }, acceptEncoding, isHead);
  }
  const packed = isPacked(length, acceptEncoding);
  out.writeHead(answer.code, {
    ...headersOf(answer),
    ...(packed ? GZIPPED : { 'content-length': String(length) }),
  });
  const source = Readable.from(pieces(answer.parts), { objectMode: false });
  const target = out as unknown as NodeJS.WritableStream;
  if (packed) await pipeline(source, createGzip({ level: constants.Z_BEST_SPEED }), target);
  else await pipeline(source, target);
}

const isPacked = (length: number, acceptEncoding: string | undefined): boolean =>
  length >= GZIP_BYTES && /\bgzip\b/.test(acceptEncoding ?? '');

const GZIPPED = { 'content-encoding': 'gzip', vary: 'Accept-Encoding' };

/** The parts, joined to what is worth a write. */
function* pieces(parts: readonly Uint8Array[]): Generator<Uint8Array> {
  let waiting: Uint8Array[] = [];
  let length = 0;
  for (const part of parts) {
    waiting.push(part);
    length += part.length;
    if (length < PIECE_BYTES) continue;
    yield Buffer.concat(waiting, length);
    waiting = [];
    length = 0;
  }
  if (length > 0) yield Buffer.concat(waiting, length);
}

function sendWatch(out: Outgoing, answer: WatchAnswer, budget: WatchBudget): Promise<void> {
  return new Promise((resolve) => {
    out.writeHead(answer.code, headersOf(answer));
    // At once: a watch may be quiet for long.
    out.flushHeaders();
    const account = budget.open(() => out.writableLength);
    const drained = (): void => account.drained();
    out.on('drain', drained);
    let over = false;
    let stop: (() => void) | undefined;
    const finish = (): void => {
      if (over) return;
      over = true;
      out.off('close', finish);
      out.off('drain', drained);
      account.close();
      stop?.();
      resolve();
    };
    out.once('close', finish);
    stop = answer.start({
      write: (frame) => {
        if (over) return;
        if (account.isBehind()) {
          finish();
          out.destroy();
          return;
        }
        out.write(frame);
        account.settle();
      },
      end: () => {
        if (over) return;
        finish();
        out.end();
      },
    });
    account.started();
    // It may have ended while it started.
    if (over) stop();
  });
}

async function sendChunks(out: Outgoing, answer: ChunksAnswer): Promise<void> {
  out.writeHead(answer.code, headersOf(answer));
  out.flushHeaders();
  const source =
    answer.chunks instanceof Readable ? answer.chunks : Readable.from(answer.chunks, { objectMode: false });
  await pipeline(source, out as unknown as NodeJS.WritableStream);
}
