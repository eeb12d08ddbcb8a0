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
  type Welcome,
} from '#proto/agent/generated/link.ts';
import type { HostPort } from '#proto/config/options.ts';
import type { Logger } from '#proto/meta/log.ts';
import { StatusError } from '#proto/meta/status-error.ts';
import { hostPort } from '#proto/net/host-port.ts';
import type { Dispatch } from '#server/apiserver/http/dispatch.ts';
import { BoardSession } from './board-session.ts';
import type { Boards } from './boards.ts';
import type { FeedSource } from './feed.ts';
import { keyHashOf, type NodeGate } from './node-identities.ts';

export interface JoinAttempt {
  readonly token: string;
  readonly nodeName: string;
  /** DER. */
  readonly csr: Uint8Array;
  readonly hardware: string;
  /** Where it comes from, for people. */
  readonly peer: string;
}

export interface RenewalAttempt extends Omit<JoinAttempt, 'token'> {
  /** The caller's certificate says that it is this node. */
  readonly isProven: boolean;
}

/** Hands out the certificates of boards, DER; see `server/nodes/join.ts`. All reject with a StatusError. */
export interface BoardCertificates {
  join(attempt: JoinAttempt): Promise<Uint8Array>;
  renew(attempt: RenewalAttempt): Promise<Uint8Array>;
  /** A board with a good certificate is here: its key is the one of its name from now on, if none is known. */
  adopt(nodeName: string, key: string, hardware: string): Promise<void>;
  prove(request: { tokenId: string; nonce: Uint8Array }): Promise<Uint8Array>;
}

export interface LinkServerOptions {
  readonly listen: HostPort;
  /** PEM. */
  readonly ca: string;
  /** With the CA behind it. */
  readonly serving: CertificateAndKey;
  /** DER of the cluster CA. */
  readonly caDer: Uint8Array;
  readonly boards: Boards;
  readonly source: FeedSource;
  readonly dispatch: Dispatch;
  readonly certificates: BoardCertificates;
  /** Which certificates still hold. */
  readonly gate: NodeGate & { onChange(listener: (nodeName: string) => void): () => void };
  readonly network: Pick<
    Welcome,
    'clusterDns' | 'dnsElsewhere' | 'clusterDomain' | 'serviceCidr' | 'clusterCidr' | 'network' | 'tunnelPort'
  >;
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
  readonly #certificates: Certificates;
  /** What each board has open: it ends when the board is shut out. */
  readonly #open = new Map<string, Set<OpenCall>>();

  constructor(options: LinkServerOptions) {
    this.#options = options;
    this.#certificates = new Certificates(options.ca, options.serving);
    options.gate.onChange((nodeName) => this.#shutOut(nodeName));
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
    const { listen } = this.#options;
    const credentials = experimental.createCertificateProviderServerCredentials(
      this.#certificates,
      this.#certificates,
      false,
    );
    return new Promise((resolve, reject) =>
      this.#server.bindAsync(hostPort(listen.host, listen.port), credentials, (err, port) =>
        err ? reject(err) : resolve(port),
      ),
    );
  }

  /** What boards that connect from now on see. */
  useCertificate(serving: CertificateAndKey): void {
    this.#certificates.use(serving);
  }

  /** Ends all sessions; boards reconnect when a server is there again. */
  close(): void {
    this.#options.boards.closeAll('the server stops');
    this.#server.forceShutdown();
  }

  async #join(call: ServerUnaryCall<JoinRequest, JoinResponse>): Promise<JoinResponse> {
    const { certificates, caDer, log } = this.#options;
    const { token, nodeName, csr, hardware } = call.request;
    const peer = call.getPeer();
    const known = nodeOf(call);
    const isRenewal = token === '';
    if (isRenewal && known && known.name !== nodeName)
      throw new StatusError('Forbidden', `node "${known.name}" can't have a certificate for "${nodeName}"`);
    const isProven = known !== undefined && this.#options.gate.refusal(known.name, known.key) === undefined;
    const certificate = isRenewal
      ? await certificates.renew({ nodeName, csr, hardware, peer, isProven })
      : await certificates.join({ token, nodeName, csr, hardware, peer });
    log.info(isRenewal ? 'certificate renewed' : 'board joined', { node: nodeName, peer });
    return { certificate, ca: caDer };
  }

  /** Takes a call of a board whose certificate holds, until it ends; else refuses it. */
  #admit(
    call: ServerDuplexStream<FromAgent, FromServer> | ServerDuplexStream<Chunk, Chunk>,
  ): string | undefined {
    const node = nodeOf(call);
    const { gate } = this.#options;
    if (!node) {
      refuse(call, grpcStatus.UNAUTHENTICATED, 'a client certificate of a node is needed: join first');
      return undefined;
    }
    const refusal = gate.refusal(node.name, node.key);
    if (refusal) {
      refuse(
        call,
        gate.isRevoked(node.name) ? grpcStatus.PERMISSION_DENIED : grpcStatus.UNAUTHENTICATED,
        refusal,
      );
      return undefined;
    }
    const open = { call, key: node.key };
    const calls = this.#open.get(node.name) ?? new Set();
    this.#open.set(node.name, calls.add(open));
    const gone = (): void => {
      calls.delete(open);
      if (calls.size === 0 && this.#open.get(node.name) === calls) this.#open.delete(node.name);
    };
    for (const event of ['close', 'cancelled', 'finish']) call.once(event, gone);
    return node.name;
  }

  #shutOut(nodeName: string): void {
    const { gate, log } = this.#options;
    for (const { call, key } of [...(this.#open.get(nodeName) ?? [])]) {
      const refusal = gate.refusal(nodeName, key);
      if (!refusal) continue;
      refuse(
        call,
        gate.isRevoked(nodeName) ? grpcStatus.PERMISSION_DENIED : grpcStatus.UNAUTHENTICATED,
        refusal,
      );
      log.info('a call of a board is cut', { node: nodeName, reason: refusal });
    }
  }

  #session(call: ServerDuplexStream<FromAgent, FromServer>): void {
    const nodeName = this.#admit(call);
    if (!nodeName) return;
    const key = nodeOf(call)?.key ?? '';
    let session: BoardSession | undefined;
    const timer = setTimeout(() => call.end(), HELLO_MS);
    call.on('data', ({ message }: FromAgent) => {
      if (session) {
        if (message) session.receive(message);
        return;
      }
      clearTimeout(timer);
      if (message?.$case === 'hello' && message.value.nodeName === nodeName) {
        session = this.#greet(call, nodeName, message.value);
        this.#options.certificates
          .adopt(nodeName, key, message.value.hardware)
          .catch((err: unknown) =>
            this.#options.log.warn('a board is not on record', { node: nodeName, err }),
          );
      } else call.end();
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
    const nodeName = this.#admit(call);
    if (!nodeName) return;
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

interface OpenCall {
  readonly call: ServerDuplexStream<FromAgent, FromServer> | ServerDuplexStream<Chunk, Chunk>;
  /** Of the certificate that it came with. */
  readonly key: string;
}

/** The node that the client certificate names, and its key; undefined for none, and for people and components. */
function nodeOf(call: {
  getAuthContext(): { sslPeerCertificate?: { subject: object; raw: Uint8Array } };
}): { readonly name: string; readonly key: string } | undefined {
  const certificate = call.getAuthContext().sslPeerCertificate;
  const subject = certificate?.subject as { CN?: string; O?: string | string[] } | undefined;
  const groups = [subject?.O ?? []].flat();
  const prefix = 'system:node:';
  if (!certificate || !subject?.CN?.startsWith(prefix) || !groups.includes('system:nodes')) return undefined;
  return { name: subject.CN.slice(prefix.length), key: keyHashOf(certificate.raw) };
}

type Provider = NonNullable<Parameters<typeof experimental.createCertificateProviderServerCredentials>[1]>;
type IdentityListener = Parameters<Provider['addIdentityCertificateListener']>[0];

/** A certificate and its key, PEM. */
export interface CertificateAndKey {
  readonly cert: string;
  readonly key: string;
}

/**
 * grpc-js' only way to ask for a client certificate without insisting on one, and to change the server's own while it runs, is a
 * certificate provider.
 */
class Certificates implements Provider {
  readonly #ca: Buffer;
  readonly #listeners = new Set<IdentityListener>();
  #serving: CertificateAndKey;

  constructor(ca: string, serving: CertificateAndKey) {
    this.#ca = Buffer.from(ca);
    this.#serving = serving;
  }

  /** Connections that are open keep what they have. */
  use(serving: CertificateAndKey): void {
    this.#serving = serving;
    for (const listener of this.#listeners) this.#tell(listener);
  }

  // Not at once: the server takes only what comes after it has registered itself.
  addCaCertificateListener(listener: Parameters<Provider['addCaCertificateListener']>[0]): void {
    queueMicrotask(() => listener({ caCertificate: this.#ca }));
  }

  removeCaCertificateListener(): void {}

  addIdentityCertificateListener(listener: IdentityListener): void {
    this.#listeners.add(listener);
    queueMicrotask(() => this.#tell(listener));
  }

  removeIdentityCertificateListener(listener: IdentityListener): void {
    this.#listeners.delete(listener);
  }

  #tell(listener: IdentityListener): void {
    const { cert, key } = this.#serving;
    listener({ certificate: Buffer.from(cert), privateKey: Buffer.from(key) });
  }
}

/** Ends the call with a status that the board understands. */
function refuse(
  call: { emit(event: 'error', err: Partial<ServiceError>): unknown },
  code: grpcStatus,
  message: string,
): void {
  call.emit('error', { code, details: message, message });
}

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
