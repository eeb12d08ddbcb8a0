/** The API over HTTPS, for the `coracle` command and for parts that the operator runs elsewhere. */
import { type IncomingMessage, request } from 'node:http';
import { Agent, request as secureRequest } from 'node:https';
import { createInterface } from 'node:readline';
import { text as readText } from 'node:stream/consumers';
import { pathOf } from '#proto/api/path.ts';
import { apiVersionOf, type Resource } from '#proto/api/resource.ts';
import type { KubeObject, ObjectKey, ObjectList } from '#proto/meta/object.ts';
import { StatusError, serviceUnavailable } from '#proto/meta/status-error.ts';
import type { DeleteOptions, Status } from '#proto/schema/generated/meta-v1.ts';
import type {
  ApiClient,
  ListOptions,
  PatchType,
  ReadOptions,
  WatchEvent,
  WatchOptions,
  WriteOptions,
} from './client.ts';

export interface HttpClientOptions {
  /** `https://127.0.0.1:6443` */
  readonly server: string;
  /** PEM. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly token?: string;
}

const PATCH_TYPES: Readonly<Record<PatchType, string>> = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
};

type Query = Readonly<Record<string, string | number | boolean | undefined>>;

export class HttpClient implements ApiClient {
  readonly #options: HttpClientOptions;
  readonly #agent: Agent;

  constructor(options: HttpClientOptions) {
    this.#options = options;
    const { ca, cert, key } = options;
    this.#agent = new Agent({
      keepAlive: true,
      ...(ca ? { ca } : {}),
      ...(cert ? { cert } : {}),
      ...(key ? { key } : {}),
    });
  }

  get<T extends KubeObject>(resource: Resource<T>, key: ObjectKey, options: ReadOptions = {}): Promise<T> {
    const { signal, subresource, ...query } = options;
    return this.#json('GET', pathOf(resource, key, subresource), query, undefined, undefined, signal);
  }

  list<T extends KubeObject>(resource: Resource<T>, options: ListOptions = {}): Promise<ObjectList<T>> {
    const { namespace, signal, ...query } = options;
    return this.#json('GET', pathOf(resource, { namespace }), query, undefined, undefined, signal);
  }

  async *watch<T extends KubeObject>(
    resource: Resource<T>,
    options: WatchOptions,
  ): AsyncIterable<WatchEvent<T>> {
    const { namespace, signal, ...rest } = options;
    const query = {
      ...rest,
      watch: true,
      ...(options.sendInitialEvents ? { resourceVersionMatch: 'NotOlderThan' } : {}),
    };
    const response = await this.#send(
      'GET',
      pathOf(resource, { namespace }),
      query,
      undefined,
      undefined,
      signal,
    );
    if ((response.statusCode ?? 500) >= 400) throw await failure(response);
    for await (const line of createInterface({ input: response }))
      if (line) yield JSON.parse(line) as WatchEvent<T>;
  }

  create<T extends KubeObject>(resource: Resource<T>, object: T, options: WriteOptions = {}): Promise<T> {
    const { name, namespace } = object.metadata;
    const path = options.subresource
      ? pathOf(resource, { namespace, name: name ?? '' }, options.subresource)
      : pathOf(resource, { namespace });
    return this.#json('POST', path, writeQuery(options), typed(resource, object), undefined, options.signal);
  }

  update<T extends KubeObject>(resource: Resource<T>, object: T, options: WriteOptions = {}): Promise<T> {
    const { name = '', namespace } = object.metadata;
    const path = pathOf(resource, { namespace, name }, options.subresource);
    return this.#json('PUT', path, writeQuery(options), typed(resource, object), undefined, options.signal);
  }

  patch<T extends KubeObject>(
    resource: Resource<T>,
    key: ObjectKey,
    type: PatchType,
    body: unknown,
    options: WriteOptions & { readonly force?: boolean } = {},
  ): Promise<T> {
    const query = { ...writeQuery(options), force: options.force };
    const path = pathOf(resource, key, options.subresource);
    return this.#json('PATCH', path, query, body, PATCH_TYPES[type], options.signal);
  }

  async delete<T extends KubeObject>(
    resource: Resource<T>,
    key: ObjectKey,
    options?: DeleteOptions,
  ): Promise<void> {
    const body = options && { kind: 'DeleteOptions', apiVersion: 'v1', ...options };
    await this.#json('DELETE', pathOf(resource, key), {}, body);
  }

  post<T extends KubeObject, B, R>(
    resource: Resource<T>,
    key: ObjectKey,
    subresource: string,
    body: B,
  ): Promise<R> {
    return this.#json('POST', pathOf(resource, key, subresource), {}, body);
  }

  /** The body of a path that is no resource, as it comes. */
  async stream(path: string): Promise<AsyncIterable<Uint8Array>> {
    const response = await this.#send('GET', path, {}, undefined);
    if ((response.statusCode ?? 500) >= 400) throw await failure(response);
    return response;
  }

  /** Closes idle connections; a command would else linger. */
  close(): void {
    this.#agent.destroy();
  }

  async #json<R>(
    method: string,
    path: string,
    query: Query,
    body?: unknown,
    contentType?: string,
    signal?: AbortSignal,
  ): Promise<R> {
    const response = await this.#send(method, path, query, body, contentType, signal);
    if ((response.statusCode ?? 500) >= 400) throw await failure(response);
    return JSON.parse(await readText(response)) as R;
  }

  #send(
    method: string,
    path: string,
    query: Query,
    body: unknown,
    contentType = 'application/json',
    signal?: AbortSignal,
  ): Promise<IncomingMessage> {
    const url = new URL(path, this.#options.server);
    for (const [name, value] of Object.entries(query))
      if (value !== undefined) url.searchParams.set(name, String(value));
    const bytes = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    const headers = {
      accept: 'application/json',
      ...(this.#options.token ? { authorization: `Bearer ${this.#options.token}` } : {}),
      ...(bytes ? { 'content-type': contentType, 'content-length': bytes.length } : {}),
    };
    const secure = url.protocol === 'https:';
    return new Promise((resolve, reject) => {
      const call = (secure ? secureRequest : request)(
        url,
        { method, headers, ...(secure ? { agent: this.#agent } : {}), ...(signal ? { signal } : {}) },
        resolve,
      );
      call.on('error', (err: NodeJS.ErrnoException) =>
        reject(err.name === 'AbortError' ? err : unreachable(this.#options.server, err)),
      );
      call.end(bytes);
    });
  }
}

function writeQuery({ fieldManager, dryRun }: WriteOptions): Query {
  return { fieldManager, dryRun: dryRun ? 'All' : undefined };
}

function typed<T extends KubeObject>(resource: Resource<T>, object: T): T {
  return object.kind ? object : { ...object, kind: resource.kind, apiVersion: apiVersionOf(resource) };
}

async function failure(response: IncomingMessage): Promise<StatusError> {
  const body = await readText(response);
  try {
    return StatusError.from(JSON.parse(body) as Status);
  } catch {
    return StatusError.from({
      metadata: {},
      code: response.statusCode ?? 500,
      message: body || 'no message',
    });
  }
}

function unreachable(server: string, cause: NodeJS.ErrnoException): StatusError {
  const err = serviceUnavailable(
    `${server} can't be reached (${cause.code ?? cause.message}): is "coracle server" running?`,
  );
  err.cause = cause;
  return err;
}
