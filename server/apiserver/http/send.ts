import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { constants, gzip } from 'node:zlib';
import type { Answer, BytesAnswer, ChunksAnswer, WatchAnswer } from '#server/apiserver/http/exchange.ts';
import type { WatchBudget } from '#server/apiserver/http/watch-budget.ts';

const gzipAsync = promisify(gzip);
/** Below this the CPU costs more than the wire. Rule: upstream's `defaultGzipThresholdBytes`. */
const GZIP_BYTES = 128 * 1024;

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
    'content-type': answer.contentType,
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
  if (!headers['content-encoding'] && body.length >= GZIP_BYTES && /\bgzip\b/.test(acceptEncoding ?? '')) {
    body = await gzipAsync(body, { level: constants.Z_BEST_SPEED });
    headers['content-encoding'] = 'gzip';
    headers['vary'] = 'Accept-Encoding';
  }
  if (answer.code !== 304) headers['content-length'] = String(body.length);
  out.writeHead(answer.code, headers);
  out.end(isHead ? undefined : body);
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
  await pipeline(
    Readable.from(answer.chunks, { objectMode: false }),
    out as unknown as NodeJS.WritableStream,
  );
}
