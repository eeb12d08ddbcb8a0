import { randomBytes, X509Certificate } from 'node:crypto';
import { connect, type DetailedPeerCertificate } from 'node:tls';
import { ChannelCredentials, status as grpcStatus, Metadata, type ServiceError } from '@grpc/grpc-js';
import { isCaProof, NONCE_BYTES } from '#proto/agent/ca-proof.ts';
import { type JoinResponse, LinkClient, type ProveResponse } from '#proto/agent/generated/link.ts';
import { parseJoinToken } from '#proto/agent/join-token.ts';
import type { HostPort } from '#proto/config/options.ts';
import { hostPort } from '#proto/net/host-port.ts';
import { caHash } from '#proto/pki/key.ts';
import { toPem } from '#proto/pki/pem.ts';
import type { Identity, IdentityStore } from './identity.ts';

/** A refusal that trying again does not change: the message says what to do. */
export class JoinRefused extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'JoinRefused';
  }
}

const CONNECT_MS = 10_000;

/** Every certificate that the server shows is for this name too, so that its address may change. */
export const SERVER_NAME = 'kubernetes';

/** A client of the link: with the board's certificate, or without one to join. */
export function connectLink(link: HostPort, ca: string, identity?: Identity): LinkClient {
  const credentials = ChannelCredentials.createSsl(
    Buffer.from(ca),
    identity ? Buffer.from(identity.key) : null,
    identity ? Buffer.from(identity.certificate) : null,
  );
  return new LinkClient(hostPort(link.host, link.port), credentials, {
    'grpc.ssl_target_name_override': SERVER_NAME,
    'grpc.default_authority': SERVER_NAME,
    'grpc.keepalive_time_ms': 20_000,
    'grpc.keepalive_timeout_ms': 10_000,
    'grpc.max_receive_message_length': 8 * 1024 * 1024,
    // What may be under way to the board: with the default, 64 KiB, an upgrade waits for Wi-Fi's answers most of the time.
    'grpc-node.flow_control_window': 512 * 1024,
    // Reconnecting is ours to time: a new client each attempt.
    'grpc.enable_retries': 0,
  });
}

/** Proves the token, gets a certificate. Throws {@link JoinRefused} where no attempt can succeed. */
export async function joinCluster(options: {
  link: HostPort;
  token: string;
  nodeName: string;
  /** What tells this board from others, hashed; ''. */
  hardware: string;
  store: IdentityStore;
}): Promise<Identity> {
  const { link, token: joinToken, nodeName, hardware, store } = options;
  const { token, caPin } = parseJoinToken(joinToken);
  const shown = await shownCertificates(link);
  const ca = caPin ? pinnedCa(link, shown, caPin) : await provedCa(link, shown, token);
  const client = connectLink(link, toPem('CERTIFICATE', ca));
  try {
    const answer = await call(client, { token, nodeName, csr: store.csr(), hardware });
    return store.save(answer.certificate, answer.ca);
  } finally {
    client.close();
  }
}

/**
 * Another certificate for the same board. Its key proves it: also over a connection without a certificate, for one that ended
 * while the board lay in a drawer.
 */
export async function renewCertificate(
  client: LinkClient,
  board: { readonly nodeName: string; readonly hardware: string },
  store: IdentityStore,
): Promise<Identity> {
  const answer = await call(client, { token: '', ...board, csr: store.csr() });
  return store.save(answer.certificate, answer.ca);
}

function call(
  client: LinkClient,
  request: { token: string; nodeName: string; csr: Uint8Array; hardware: string },
): Promise<JoinResponse> {
  return answerOf((options, done) => client.join(request, new Metadata(), options, done));
}

/** Rejects with a {@link JoinRefused} where the server says no for good. */
function answerOf<T>(
  send: (options: { deadline: number }, done: (err: ServiceError | null, answer: T) => void) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    send({ deadline: Date.now() + CONNECT_MS }, (err, answer) => {
      if (!err) resolve(answer);
      else if (FINAL.has(err.code))
        reject(new JoinRefused(`the server refuses to let this board join: ${err.details}`, err));
      else reject(err);
    });
  });
}

const FINAL: ReadonlySet<number> = new Set([
  grpcStatus.INVALID_ARGUMENT,
  grpcStatus.UNAUTHENTICATED,
  grpcStatus.PERMISSION_DENIED,
  grpcStatus.ALREADY_EXISTS,
]);

/** What the server shows, leaf first, DER. Nothing of it is trusted yet. */
function shownCertificates(link: HostPort): Promise<readonly Buffer[]> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      ...link,
      servername: SERVER_NAME,
      rejectUnauthorized: false,
      ALPNProtocols: ['h2'],
    });
    socket.setTimeout(CONNECT_MS, () =>
      socket.destroy(new Error(`no answer from ${link.host}:${link.port}`)),
    );
    socket.once('error', reject);
    socket.once('secureConnect', () => {
      const leaf = socket.getPeerCertificate(true);
      socket.destroy();
      resolve(chainOf(leaf).map((certificate) => certificate.raw));
    });
  });
}

/** The CA among the shown certificates, if its key has the pin. */
function pinnedCa(link: HostPort, shown: readonly Buffer[], pin: string): Buffer {
  const ca = shown.find((der) => caHash(der) === `sha256:${pin}`);
  if (!ca)
    throw new JoinRefused(
      `the server at ${link.host}:${link.port} is of another cluster than the token: its CA has another pin. Make a token on the right server.`,
    );
  checkIssued(link, shown, ca);
  return ca;
}

/**
 * The CA that the server shows, once it has proved that it knows the token too: for a token that a person gave to both sides,
 * before there was a CA to pin. The secret itself is sent only after that, and only over TLS of this CA.
 */
async function provedCa(link: HostPort, shown: readonly Buffer[], token: string): Promise<Buffer> {
  const dot = token.indexOf('.');
  const ca = shown.at(-1);
  if (dot < 0 || !ca)
    throw new JoinRefused(
      'the token carries no pin of the cluster CA: use the whole text that "coracle token create" prints, with the part behind the @',
    );
  checkIssued(link, shown, ca);
  const nonce = randomBytes(NONCE_BYTES);
  const client = connectLink(link, toPem('CERTIFICATE', ca));
  try {
    const { proof } = await answerOf<ProveResponse>((options, done) =>
      client.prove({ tokenId: token.slice(0, dot), nonce }, new Metadata(), options, done),
    );
    if (isCaProof(proof, token, nonce, ca)) return ca;
    throw new JoinRefused(
      `the server at ${link.host}:${link.port} does not know this token: is it the server of another cluster?`,
    );
  } finally {
    client.close();
  }
}

function checkIssued(link: HostPort, [leaf]: readonly Buffer[], ca: Buffer): void {
  if (!leaf || !new X509Certificate(leaf).verify(new X509Certificate(ca).publicKey))
    throw new JoinRefused(`the certificate of ${link.host}:${link.port} is not of the CA that it shows`);
}

function chainOf(leaf: DetailedPeerCertificate): DetailedPeerCertificate[] {
  const chain: DetailedPeerCertificate[] = [];
  for (let at = leaf; at?.raw && !chain.includes(at); at = at.issuerCertificate) chain.push(at);
  return chain;
}
