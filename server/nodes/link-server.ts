/**
 * The server's end of the link: gRPC over TLS on the agent port. A board without a certificate may call Join and nothing
 * else; Session and Stream want the client certificate of a node, and a board may speak for its own name only.
 */
import {
  experimental,
  status as grpcStatus,
  Server,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServiceError,
  type sendUnaryData,
} from '@grpc/grpc-js';
import { asBytes } from '#proto/agent/byte-stream.ts';
import {
  type Chunk,
  type FromAgent,
  type FromServer,
  type Hello,
  type JoinRequest,
  type JoinResponse,
  LinkService,
  type ProveRequest,
  type ProveResponse,
  type Usage,
} from '#proto/agent/generated/link.ts';
import type { HostPort } from '#proto/config/options.ts';
import type { Logger } from '#proto/meta/log.ts';
import { StatusError } from '#proto/meta/status-error.ts';
import type { Dispatch } from '#server/apiserver/http/dispatch.ts';
import { BoardSession } from './board-session.ts';
import type { Boards } from './boards.ts';
import type { FeedSource } from './feed.ts';

/** Hands out the certificates of boards; see `server/nodes/join.ts`. Both reject with a StatusError; DER in and out. */
export interface BoardCertificates {
  join(request: { token: string; nodeName: string; csr: Uint8Array }): Promise<Uint8Array>;
  renew(request: { nodeName: string; csr: Uint8Array }): Promise<Uint8Array>;
  prove(request: { tokenId: string; nonce: Uint8Array }): Promise<Uint8Array>;
}

export interface LinkServerOptions {
  readonly listen: HostPort;
  /** PEM. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  /** DER of the cluster CA. */
  readonly caDer: Uint8Array;
  readonly boards: Boards;
  readonly source: FeedSource;
  readonly dispatch: Dispatch;
  readonly certificates: BoardCertificates;
  readonly network: { clusterDns: string; clusterDomain: string; serviceCidr: string; clusterCidr: string };
  /** Where boards publish their health; undefined: nowhere. */
  readonly mqtt?: { readonly url: string; readonly boardCertificate: boolean; readonly intervalMs: number };
  /** Who hears what boards use, and how often. */
  readonly usage: { readonly intervalMs: number; readonly record: (nodeName: string, usage: Usage) => void };
  readonly version: string;
  readonly now: () => number;
  readonly log: Logger;
}

const HELLO_MS = 10_000;

export class LinkServer {
  readonly #options: LinkServerOptions;
  readonly #server: Server;

  constructor(options: LinkServerOptions) {
    this.#options = options;
    this.#server = new Server({
      // A board on Wi-Fi that went away silently is found out in half a minute; one that pings more often than
      // the default of five minutes is welcome.
      'grpc.keepalive_time_ms': 20_000,
      'grpc.keepalive_timeout_ms': 10_000,
      'grpc.http2.min_ping_interval_without_data_ms': 5_000,
      'grpc.max_receive_message_length': 4 * 1024 * 1024,
      'grpc-node.max_session_memory': 64,
    });
    this.#server.addService(LinkService, {
      join: (call: ServerUnaryCall<JoinRequest, JoinResponse>, done: sendUnaryData<JoinResponse>) => {
        this.#join(call).then(
          (answer) => done(null, answer),
          (err: unknown) => done(toGrpc(err)),
        );
      },
      prove: (call: ServerUnaryCall<ProveRequest, ProveResponse>, done: sendUnaryData<ProveResponse>) => {
        this.#options.certificates.prove(call.request).then(
          (proof) => done(null, { proof }),
          (err: unknown) => done(toGrpc(err)),
        );
      },
      session: (call: ServerDuplexStream<FromAgent, FromServer>) => this.#session(call),
      stream: (call: ServerDuplexStream<Chunk, Chunk>) => this.#stream(call),
    });
  }

  /** Resolves with the port that was bound. */
  listen(): Promise<number> {
    const { listen, ca, cert, key } = this.#options;
    const credentials = experimental.createCertificateProviderServerCredentials(
      fixedCertificates(ca, cert, key),
      fixedCertificates(ca, cert, key),
      false,
    );
    const host = listen.host.includes(':') ? `[${listen.host}]` : listen.host;
    return new Promise((resolve, reject) =>
      this.#server.bindAsync(`${host}:${listen.port}`, credentials, (err, port) =>
        err ? reject(err) : resolve(port),
      ),
    );
  }

  /** Ends all sessions; boards reconnect when a server is there again. */
  close(): void {
    this.#options.boards.closeAll('the server stops');
    this.#server.forceShutdown();
  }

  async #join(call: ServerUnaryCall<JoinRequest, JoinResponse>): Promise<JoinResponse> {
    const { certificates, caDer, log } = this.#options;
    const { token, nodeName, csr } = call.request;
    const known = nodeOf(call);
    const renewal = token === '' && known !== undefined;
    if (renewal && known !== nodeName)
      throw new StatusError('Forbidden', `node "${known}" can't have a certificate for "${nodeName}"`);
    const certificate = renewal
      ? await certificates.renew({ nodeName, csr })
      : await certificates.join({ token, nodeName, csr });
    log.info(renewal ? 'certificate renewed' : 'board joined', { node: nodeName, peer: call.getPeer() });
    return { certificate, ca: caDer };
  }

  #session(call: ServerDuplexStream<FromAgent, FromServer>): void {
    const nodeName = nodeOf(call);
    if (!nodeName)
      return void call.emit('error', refusal('a client certificate of a node is needed: join first'));
    let session: BoardSession | undefined;
    const timer = setTimeout(() => call.end(), HELLO_MS);
    call.on('data', ({ message }: FromAgent) => {
      if (session) {
        if (message) session.receive(message);
        return;
      }
      clearTimeout(timer);
      if (message?.$case === 'hello' && message.value.nodeName === nodeName)
        session = this.#greet(call, nodeName, message.value);
      else call.end();
    });
    const gone = (reason: string) => (): void => {
      clearTimeout(timer);
      if (session) this.#options.boards.remove(session, reason);
      call.end();
    };
    call.on('end', gone('the board closed the session'));
    call.on('cancelled', gone('the connection broke'));
    call.on('error', gone('the connection broke'));
  }

  #greet(
    call: ServerDuplexStream<FromAgent, FromServer>,
    nodeName: string,
    hello: Hello,
  ): BoardSession | undefined {
    const { boards, source, dispatch, network, mqtt, usage, version, now, log } = this.#options;
    const welcome = {
      ...network,
      epoch: hello.epoch,
      serverTimeMs: now(),
      version,
      mqttUrl: mqtt?.url ?? '',
      mqttBoardCertificate: mqtt?.boardCertificate ?? false,
      mqttIntervalMs: mqtt?.intervalMs ?? 0,
      usageIntervalMs: usage.intervalMs,
    };
    const onUsage = (used: Usage): void => usage.record(nodeName, used);
    const session = new BoardSession({ call, nodeName, hello, welcome, source, dispatch, onUsage, log });
    if (!boards.add(session)) {
      call.end();
      return undefined;
    }
    log.info('board connected', { node: nodeName, peer: call.getPeer(), agent: hello.version });
    session.start();
    return session;
  }

  #stream(call: ServerDuplexStream<Chunk, Chunk>): void {
    const nodeName = nodeOf(call);
    if (!nodeName) return void call.emit('error', refusal('a client certificate of a node is needed'));
    call.once('error', () => {});
    call.once('data', (first: Chunk) => {
      const board = this.#options.boards.get(nodeName);
      if (first.error) {
        board?.refuse(first.streamId, first.error);
        call.end();
        return;
      }
      call.pause();
      const bytes = asBytes(call, first.data);
      bytes.on('error', (err) => this.#options.log.debug('a stream broke', { node: nodeName, err }));
      const taken = board?.accept(first.streamId, bytes) ?? false;
      if (!taken) bytes.destroy();
    });
  }
}

/** The node that the client certificate names; undefined for none, and for people and components. */
function nodeOf(call: {
  getAuthContext(): { sslPeerCertificate?: { subject: object } };
}): string | undefined {
  const subject = call.getAuthContext().sslPeerCertificate?.subject as
    | { CN?: string; O?: string | string[] }
    | undefined;
  const groups = [subject?.O ?? []].flat();
  const prefix = 'system:node:';
  if (!subject?.CN?.startsWith(prefix) || !groups.includes('system:nodes')) return undefined;
  return subject.CN.slice(prefix.length);
}

type Provider = NonNullable<Parameters<typeof experimental.createCertificateProviderServerCredentials>[1]>;

/** grpc-js' only way to ask for a client certificate without insisting on one is a certificate provider. */
function fixedCertificates(ca: string, cert: string, key: string): Provider {
  // Not at once: the server takes only what comes after it has registered itself.
  return {
    addCaCertificateListener: (listener) =>
      queueMicrotask(() => listener({ caCertificate: Buffer.from(ca) })),
    removeCaCertificateListener: () => {},
    addIdentityCertificateListener: (listener) =>
      queueMicrotask(() => listener({ certificate: Buffer.from(cert), privateKey: Buffer.from(key) })),
    removeIdentityCertificateListener: () => {},
  };
}

const refusal = (message: string): Partial<ServiceError> => ({
  code: grpcStatus.UNAUTHENTICATED,
  details: message,
  message,
});

function toGrpc(err: unknown): Partial<ServiceError> {
  const message = err instanceof Error ? err.message : String(err);
  const code = err instanceof StatusError ? CODE[err.code] : undefined;
  return { code: code ?? grpcStatus.INTERNAL, details: message, message };
}

const CODE: Readonly<Record<number, number>> = {
  400: grpcStatus.INVALID_ARGUMENT,
  401: grpcStatus.UNAUTHENTICATED,
  403: grpcStatus.PERMISSION_DENIED,
  409: grpcStatus.ALREADY_EXISTS,
  503: grpcStatus.UNAVAILABLE,
};
