import type { IncomingMessage } from 'node:http';
import { Agent, type RequestOptions, request } from 'node:https';
import { isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import { type ConnectionOptions, connect } from 'node:tls';
import { bareHost } from '#proto/net/host-port.ts';
import type { Status } from '#proto/schema/generated/meta-v1.ts';
import type { Connector } from '#server/apiserver/streams/connector.ts';
import { connectionProblem, responseProblem } from '#server/apiserver/webhooks/problem.plan.ts';

/** Where a webhook is: the same in `admissionregistration.k8s.io` and in `apiextensions.k8s.io`. */
export interface WebhookClientConfig {
  readonly url?: string | undefined;
  readonly service?:
    | {
        readonly namespace: string;
        readonly name: string;
        readonly path?: string | undefined;
        /** 443 where there is none. */
        readonly port?: number | undefined;
      }
    | undefined;
  /** PEM in base64; the system's roots where there is none. */
  readonly caBundle?: string | undefined;
}

export interface WebhookRequest {
  readonly config: WebhookClientConfig;
  readonly timeoutSeconds: number;
  /** What is sent, as JSON. */
  readonly body: object;
}

/**
 * A call that brought no answer: `Post "https://hook.ns.svc:443/path?timeout=10s": context deadline exceeded`, or what the
 * webhook's own Status says. Callers put before it who called: `failed calling webhook "x": failed to call webhook: …`.
 */
export class WebhookError extends Error {
  override readonly name = 'WebhookError';
}

/** More than any review of one object, and enough for a batch of conversions. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;
const IDLE_MS = 30_000;

interface Destination {
  readonly url: URL;
  /** With its port, where the configuration has one: a URL drops 443. */
  readonly authority: string;
  readonly service: { readonly namespace: string; readonly name: string; readonly port: number } | undefined;
}

/**
 * Calls webhooks: Services through the boards' links, URLs from here. Connections are kept for a while, one pool for each
 * destination and trust. Rule: k8s.io/apiserver/pkg/util/webhook.
 */
export class WebhookClient {
  readonly #agent: WebhookAgent;

  constructor(connector: Pick<Connector, 'toService' | 'toAddress'>) {
    this.#agent = new WebhookAgent(connector);
  }

  /** Posts JSON and answers the parsed JSON of the answer. Rejects with a {@link WebhookError}. */
  async call({ config, timeoutSeconds, body }: WebhookRequest): Promise<unknown> {
    const { url, authority, service } = destinationOf(config);
    const path = `${url.pathname}?timeout=${timeoutSeconds}s`;
    const bytes = Buffer.from(JSON.stringify(body));
    const options: RequestOptions & { service: Destination['service'] } = {
      method: 'POST',
      agent: this.#agent,
      host: bareHost(url.hostname),
      port: url.port || 443,
      path,
      headers: {
        host: authority,
        accept: 'application/json, */*',
        'content-type': 'application/json',
        'content-length': bytes.length,
        'user-agent': 'kube-apiserver-admission',
      },
      ...(config.caBundle ? { ca: Buffer.from(config.caBundle, 'base64').toString() } : {}),
      // As Go: whatever the bundle has is trusted.
      allowPartialTrustChain: true,
      signal: AbortSignal.timeout(timeoutSeconds * 1000),
      service,
    };
    let answer: { response: IncomingMessage; body: Buffer };
    try {
      answer = await exchange(options, bytes);
    } catch (err) {
      const { name, code = '', message } = err as NodeJS.ErrnoException;
      const reason = connectionProblem({ name, code, message });
      throw new WebhookError(`Post ${JSON.stringify(`https://${authority}${path}`)}: ${reason}`, {
        cause: err,
      });
    }
    return readAnswer(answer.response, answer.body);
  }

  /** Closes the connections that are kept. */
  close(): void {
    this.#agent.destroy();
  }
}

function destinationOf(config: WebhookClientConfig): Destination {
  if (config.service) {
    const { namespace, name, port = 443, path = '' } = config.service;
    const authority = `${name}.${namespace}.svc:${port}`;
    const url = new URL(`https://${authority}`);
    url.pathname = path;
    return { url, authority, service: { namespace, name, port } };
  }
  if (!config.url) throw new WebhookError('webhook configuration must have either service or URL');
  if (!URL.canParse(config.url)) throw new WebhookError(`Unparsable URL: ${config.url}`);
  const url = new URL(config.url);
  return { url, authority: url.host, service: undefined };
}

async function exchange(
  options: RequestOptions,
  body: Uint8Array,
): Promise<{ response: IncomingMessage; body: Buffer }> {
  const response = await send(options, body);
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of response as AsyncIterable<Uint8Array>) {
    size += part.length;
    if (size > MAX_ANSWER_BYTES) throw new Error(`the answer is larger than ${MAX_ANSWER_BYTES} bytes`);
    parts.push(part);
  }
  return { response, body: Buffer.concat(parts) };
}

/** A connection that was kept may have broken, or been closed by the other side, just now: then the call is made again. */
function send(options: RequestOptions, body: Uint8Array): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const sent = request(options);
    sent.once('response', resolve);
    sent.once('error', (err) => {
      if (sent.reusedSocket && !options.signal?.aborted) resolve(send(options, body));
      else reject(err);
    });
    sent.end(body);
  });
}

/** The value of a good answer; throws what client-go makes of any other. */
function readAnswer(response: IncomingMessage, body: Buffer): unknown {
  const { statusCode = 0, headers } = response;
  let value: unknown;
  try {
    value = JSON.parse(body.toString());
  } catch (cause) {
    if (statusCode >= 200 && statusCode <= 206) {
      throw new WebhookError(`couldn't get version/kind; json parse error: ${(cause as Error).message}`, {
        cause,
      });
    }
  }
  const status = value as Status | undefined;
  if (status?.kind === 'Status' && status.status === 'Failure')
    throw new WebhookError(status.message ?? 'unknown');
  if (statusCode >= 200 && statusCode <= 206) return value;
  throw new WebhookError(responseProblem(statusCode, headers['content-type'], body.toString()));
}

/** Node's pool of connections, with ours put under its TLS. */
class WebhookAgent extends Agent {
  readonly #connector: Pick<Connector, 'toService' | 'toAddress'>;

  constructor(connector: Pick<Connector, 'toService' | 'toAddress'>) {
    super({ keepAlive: true, maxFreeSockets: 2, timeout: IDLE_MS });
    this.#connector = connector;
  }

  override getName(options: RequestOptions & { service?: Destination['service'] }): string {
    return `${super.getName(options)}:${options.service ? 'service' : ''}`;
  }

  override createConnection(
    options: RequestOptions & { service?: Destination['service'] },
    done: (err: Error | null, socket: Duplex) => void,
  ): undefined {
    const { service } = options;
    const host = options.host ?? '';
    const opened = service
      ? this.#connector.toService(service.namespace, service.name, service.port)
      : this.#connector.toAddress({ host, port: Number(options.port) });
    const secured = opened.then((socket) =>
      connect({ ...(options as ConnectionOptions), socket, servername: isIP(host) ? '' : host }),
    );
    secured.then(
      (socket) => done(null, socket),
      (err: Error) => done(err, undefined as unknown as Duplex),
    );
    return undefined;
  }
}
