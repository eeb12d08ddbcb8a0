/** A flashed board's own page, through the API server's node proxy: what runs, an upgrade, a new start. */
import { createReadStream } from 'node:fs';
import { type ClientHttp2Session, connect } from 'node:http2';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { StatusError } from '#proto/meta/status-error.ts';
import { readHead, type UpgradeManifest } from '#proto/upgrade/bundle.ts';
import type { HttpClientOptions } from '#server/client/http-client.ts';
import type { BoardSystem } from './upgrade.plan.ts';

/** An upgrade that can be read as often as there are boards. */
export interface Source extends UpgradeManifest {
  readonly open: () => Promise<Readable>;
}

/** What a roll asks of boards. */
export type BoardPages = Pick<BoardPage, 'system' | 'version' | 'receive' | 'restart'>;

type Method = 'GET' | 'PUT' | 'POST';

/** Nothing sent and nothing heard: the way to the board is gone. A board that reads its card back says nothing for a while. */
const STALL_MS = 5 * 60_000;

export class BoardPage {
  readonly #options: HttpClientOptions;

  constructor(options: HttpClientOptions) {
    this.#options = options;
  }

  /** Undefined: not flashed. Rejects with 502 or 503 where the board is not in reach. */
  async system(name: string, signal?: AbortSignal): Promise<BoardSystem | undefined> {
    const text = await this.#call(name, 'GET', undefined, signal).catch((err: unknown) => {
      if (err instanceof StatusError && err.code === 404) return undefined;
      throw err;
    });
    return text === undefined ? undefined : (JSON.parse(text) as BoardSystem);
  }

  /** Of the API server. */
  async version(): Promise<{ readonly gitVersion: string }> {
    return JSON.parse(await this.#request('/version', 'GET')) as { readonly gitVersion: string };
  }

  /**
   * Resolves when the board has checked it and put it on trial. `sent` hears how many bytes have gone. Cut off before the last of
   * them the board stays as it was.
   */
  async receive(
    name: string,
    source: Source,
    sent: (bytes: number) => void,
    signal: AbortSignal,
  ): Promise<void> {
    let total = 0;
    const count = new Transform({
      transform: (chunk: Buffer, _, done) => {
        total += chunk.length;
        sent(total);
        done(null, chunk);
      },
    });
    const body = await source.open();
    pipeline(body, count).catch(() => {});
    await this.#call(name, 'PUT', count, signal);
  }

  async restart(name: string): Promise<void> {
    await this.#call(name, 'POST');
  }

  #call(name: string, method: Method, body?: Readable, signal?: AbortSignal): Promise<string> {
    const path = `/api/v1/nodes/${encodeURIComponent(name)}/proxy/coracle/system`;
    return this.#request(path, method, body, signal).catch((err: unknown) => {
      if (!(err instanceof StatusError)) throw err;
      throw new StatusError('InternalError', `node "${name}": ${err.message}`, {
        code: err.code,
        cause: err,
      });
    });
  }

  async #request(path: string, method: Method, body?: Readable, signal?: AbortSignal): Promise<string> {
    const { server, ca, cert, key, token } = this.#options;
    // HTTP/2, for a request of HTTP/1.1 must have come in whole within five minutes: too short for a card on slow Wi-Fi.
    const session = connect(server, {
      ...(ca ? { ca } : {}),
      ...(cert ? { cert } : {}),
      ...(key ? { key } : {}),
    });
    const cut = (): void => session.destroy(new Error('called off'));
    signal?.addEventListener('abort', cut, { once: true });
    try {
      signal?.throwIfAborted();
      return await answerOf(session, path, method, token, body);
    } finally {
      signal?.removeEventListener('abort', cut);
      session.close();
    }
  }
}

async function answerOf(
  session: ClientHttp2Session,
  path: string,
  method: Method,
  token: string | undefined,
  body: Readable | undefined,
): Promise<string> {
  const request = session.request(
    {
      ':method': method,
      ':path': path,
      ...(token ? { authorization: `Bearer ${token}` } : {}),
    },
    { endStream: body === undefined },
  );
  const answered = new Promise<{ code: number; text: string }>((resolve, reject) => {
    let code = 0;
    let text = '';
    session.on('error', reject);
    session.setTimeout(STALL_MS, () => session.destroy(new Error('the board does not answer')));
    request.once('error', reject);
    request.once('response', (headers) => {
      code = Number(headers[':status'] ?? 0);
    });
    request.setEncoding('utf8');
    request.on('data', (chunk: string) => {
      text += chunk;
    });
    request.once('close', () =>
      code === 0 ? reject(new Error('there was no answer')) : resolve({ code, text }),
    );
  });
  // A board that refuses stops reading: its answer counts, not the broken pipe.
  if (body) pipeline(body, request).catch(() => {});
  const { code, text } = await answered;
  if (code < 300) return text;
  throw new StatusError('InternalError', messageOf(text), { code });
}

/** Of a Status, or the text itself. */
function messageOf(text: string): string {
  try {
    const { message } = JSON.parse(text) as { message?: unknown };
    if (typeof message === 'string') return message;
  } catch {
    // Plain text, as a kubelet answers.
  }
  return text.trim();
}

/** A file or a web address; its head is read at once, so that what is no upgrade is told of before anything happens. */
export async function openSource(from: string): Promise<Source> {
  const isUrl = /^https?:\/\//.test(from);
  const open = async (): Promise<Readable> => {
    if (!isUrl) return createReadStream(from);
    const response = await fetch(from);
    if (!response.ok || !response.body) throw new Error(`${from}: ${response.status} ${response.statusText}`);
    return Readable.fromWeb(response.body as never);
  };
  const stream = await open();
  try {
    const { manifest } = await readHead(stream);
    return { ...manifest, open };
  } catch (err) {
    throw new Error(`${from}: ${(err as Error).message}`);
  } finally {
    stream.destroy();
  }
}
