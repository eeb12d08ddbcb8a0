import { readFileSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { Agent, request } from 'node:https';
import { createInterface } from 'node:readline';
import { parse } from 'yaml';

export interface ApiAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The parsed body; a `Status` for an error. */
  json<T = { reason?: string; message?: string; code?: number }>(): T;
}

export interface ApiRequest {
  readonly body?: string | Uint8Array;
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface ApiCredentials {
  readonly ca: string;
  readonly cert?: string;
  readonly key?: string;
  readonly token?: string;
}

interface Kubeconfig {
  readonly clusters: readonly { readonly cluster: { readonly 'certificate-authority-data': string } }[];
  readonly users: readonly {
    readonly user: { readonly 'client-certificate-data': string; readonly 'client-key-data': string };
  }[];
}

const decode = (base64: string | undefined): string => Buffer.from(base64 ?? '', 'base64').toString();

/** What a kubeconfig with a client certificate holds. */
export function credentialsOf(kubeconfig: string): Required<Omit<ApiCredentials, 'token'>> {
  const { clusters, users } = parse(readFileSync(kubeconfig, 'utf8')) as Kubeconfig;
  return {
    ca: decode(clusters[0]?.cluster['certificate-authority-data']),
    cert: decode(users[0]?.user['client-certificate-data']),
    key: decode(users[0]?.user['client-key-data']),
  };
}

/** Plain HTTPS to the API server, for what kubectl would never send, and for speed. Keeps its connections. */
export class Api {
  readonly #url: string;
  readonly #agent: Agent;
  readonly #token: string | undefined;

  constructor(url: string, { token, ...tls }: ApiCredentials, connections = 64) {
    this.#url = url;
    this.#token = token;
    this.#agent = new Agent({ ...tls, keepAlive: true, maxSockets: connections });
  }

  /** Rejects only when the connection fails. */
  send(method: string, path: string, { body, contentType, headers }: ApiRequest = {}): Promise<ApiAnswer> {
    return new Promise((resolve, reject) => {
      const outgoing = request(
        `${this.#url}${path}`,
        {
          method,
          agent: this.#agent,
          timeout: 30_000,
          headers: {
            accept: 'application/json',
            ...(this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` }),
            ...(body === undefined
              ? {}
              : {
                  'content-type': contentType ?? 'application/json',
                  'content-length': Buffer.byteLength(body),
                }),
            ...headers,
          },
        },
        (response) => {
          const parts: Buffer[] = [];
          response.on('data', (part: Buffer) => parts.push(part));
          response.on('error', reject);
          response.on('end', () => {
            const text = Buffer.concat(parts).toString();
            const { statusCode: status = 0, headers } = response;
            resolve({ status, headers, text, json: () => JSON.parse(text) });
          });
        },
      );
      outgoing.on('timeout', () => outgoing.destroy(new Error(`${method} ${path}: no answer within 30 s`)));
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  }

  /** POST of an object. */
  create(path: string, object: unknown): Promise<ApiAnswer> {
    return this.send('POST', path, { body: JSON.stringify(object) });
  }

  /** Watches a path's collection from now on; resolves once the server answered. Gives what ends it. */
  watch<T>(path: string, onEvent: (type: string, object: T) => void): Promise<() => void> {
    return new Promise((resolve, reject) => {
      const outgoing = request(
        `${this.#url}${path}${path.includes('?') ? '&' : '?'}watch=true`,
        { agent: this.#agent, headers: { accept: 'application/json' } },
        (response) => {
          if (response.statusCode !== 200) reject(new Error(`watch ${path}: ${response.statusCode}`));
          createInterface({ input: response })
            .on('line', (line) => {
              const event = JSON.parse(line) as { type: string; object: T };
              onEvent(event.type, event.object);
            })
            .on('error', () => {}); // it ends when we say so, and passes on what its input says
          resolve(() => outgoing.destroy());
        },
      );
      outgoing.on('error', reject);
      outgoing.end();
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}
