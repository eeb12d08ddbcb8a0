import { createHash } from 'node:crypto';
import { type IncomingMessage, type RequestOptions, request } from 'node:http';
import { request as secureRequest } from 'node:https';
import { buffer, text as readText } from 'node:stream/consumers';
import { sign } from 'aws4';
import type { BackupTarget } from './targets.ts';

export interface S3Options {
  /** `https://minio.home:9000`; the bucket is the first part of the path. */
  readonly endpoint: string;
  readonly region: string;
  readonly bucket: string;
  /** Without slashes around it; `''` for none. */
  readonly prefix: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** PEM; undefined: the system's. */
  readonly ca?: string | undefined;
}

/** What the store answered that is no success, in its own words. */
export class S3Error extends Error {
  readonly code: number;

  constructor(what: string, code: number, body: string) {
    const [, reason] = /<Code>([^<]*)<\/Code>/.exec(body) ?? [];
    const [, message] = /<Message>([^<]*)<\/Message>/.exec(body) ?? [];
    super(`${what}: ${[code, reason, message].filter(Boolean).join(' ')}`);
    this.name = 'S3Error';
    this.code = code;
  }
}

const TIMEOUT_MS = 60_000;

/**
 * A bucket of anything that speaks S3, addressed by path. Signed by aws4 (one file, no dependencies, Node's own hashes): a
 * client that needs `fetch` costs 8 MB of memory for as long as the program runs. A backup is sent from memory: a home
 * cluster's is some hundred kilobytes.
 */
export class S3Target implements BackupTarget {
  readonly #options: S3Options;

  constructor(options: S3Options) {
    this.#options = options;
  }

  get place(): string {
    const { bucket, prefix } = this.#options;
    return `s3://${bucket}${prefix ? `/${prefix}` : ''}`;
  }

  async put(name: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const body = await buffer(chunks);
    await this.#ask('PUT', this.#url(name), body);
  }

  async *get(name: string): AsyncGenerator<Uint8Array> {
    yield* await this.#send('GET', this.#url(name));
  }

  async list(): Promise<readonly string[]> {
    const { prefix } = this.#options;
    const folder = prefix ? `${prefix}/` : '';
    const names: string[] = [];
    for (let token: string | undefined = ''; token !== undefined; ) {
      const url = this.#url('');
      url.search = new URLSearchParams({
        'list-type': '2',
        prefix: folder,
        ...(token ? { 'continuation-token': token } : {}),
      }).toString();
      const page = await this.#ask('GET', url);
      for (const [, key = ''] of page.matchAll(/<Key>([^<]*)<\/Key>/g)) {
        const name = unescapeXml(key).slice(folder.length);
        if (!name.includes('/')) names.push(name);
      }
      const next = /<NextContinuationToken>([^<]*)</.exec(page)?.[1];
      token = next ? unescapeXml(next) : undefined;
    }
    return names;
  }

  async remove(name: string): Promise<void> {
    await this.#ask('DELETE', this.#url(name));
  }

  #url(name: string): URL {
    const { endpoint, bucket, prefix } = this.#options;
    const path = [bucket, ...(name ? [...(prefix ? prefix.split('/') : []), name] : [])];
    return new URL(`/${path.map(encodeURIComponent).join('/')}`, endpoint);
  }

  async #ask(method: string, url: URL, body?: Uint8Array): Promise<string> {
    return readText(await this.#send(method, url, body));
  }

  async #send(method: string, url: URL, body: Uint8Array = new Uint8Array()): Promise<IncomingMessage> {
    const { region, accessKeyId, secretAccessKey, ca } = this.#options;
    const { headers } = sign(
      {
        service: 's3',
        region,
        method,
        host: url.host,
        path: `${url.pathname}${url.search}`,
        headers: {
          'Content-Length': String(body.length),
          'X-Amz-Content-Sha256': createHash('sha256').update(body).digest('hex'),
        },
      },
      { accessKeyId, secretAccessKey },
    );
    const options: RequestOptions & { ca?: string } = {
      method,
      headers,
      timeout: TIMEOUT_MS,
      ...(ca ? { ca } : {}),
    };
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const call = (url.protocol === 'https:' ? secureRequest : request)(url, options, resolve);
      call.on('error', reject);
      call.on('timeout', () => call.destroy(new Error(`${url.host} does not answer`)));
      call.end(body);
    });
    const code = response.statusCode ?? 500;
    if (code >= 300) throw new S3Error(`${method} ${url.pathname}`, code, await readText(response));
    return response;
  }
}

const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

const unescapeXml = (text: string): string =>
  text.replace(/&(#?\w+);/g, (whole, name: string) => {
    if (!name.startsWith('#')) return NAMED[name] ?? whole;
    const code = name[1] === 'x' ? Number.parseInt(name.slice(2), 16) : Number(name.slice(1));
    return Number.isInteger(code) && code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
