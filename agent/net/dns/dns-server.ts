/** Cluster DNS on one address, UDP and TCP. Nothing that a client sends or does ends it. */
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { createServer, type Server, type Socket } from 'node:net';
import type { Logger } from '#proto/meta/log.ts';
import { isIpv6 } from '#proto/net/cidr.ts';
import type { Responder } from './responder.ts';

export interface DnsServerOptions {
  readonly address: string;
  readonly port: number;
  readonly responder: Pick<Responder, 'respond'>;
  readonly log: Logger;
}

const IDLE_MS = 10_000;
const MAX_CONNECTIONS = 128;
/** No honest query is longer. */
const MAX_QUERY_BYTES = 4_096;
const MAX_UNREAD_BYTES = 256 * 1024;

export class DnsServer {
  readonly #options: DnsServerOptions;
  readonly #udp: UdpSocket;
  readonly #tcp: Server;
  readonly #connections = new Set<Socket>();

  private constructor(options: DnsServerOptions, udp: UdpSocket, tcp: Server) {
    this.#options = options;
    this.#udp = udp;
    this.#tcp = tcp;
  }

  /** Rejects where the address can't be had. */
  static async listen(options: DnsServerOptions): Promise<DnsServer> {
    const udp = createSocket({ type: isIpv6(options.address) ? 'udp6' : 'udp4' });
    await new Promise<void>((resolve, reject) => {
      udp.once('error', (err) => {
        udp.close();
        reject(err);
      });
      udp.bind({ port: options.port, address: options.address, exclusive: true }, () => resolve());
    });
    const tcp = createServer();
    const server = new DnsServer(options, udp, tcp);
    udp.removeAllListeners('error');
    udp.on('error', (err) => options.log.warn('cluster DNS over UDP', { err }));
    udp.on('message', (bytes, from) => server.#answer(bytes, from.port, from.address));
    tcp.on('connection', (socket) => server.#serve(socket));
    const { port } = udp.address();
    try {
      await new Promise<void>((resolve, reject) => {
        tcp.once('error', reject);
        tcp.listen(port, options.address, resolve);
      });
    } catch (err) {
      udp.close();
      throw err;
    }
    tcp.on('error', (err) => options.log.warn('cluster DNS over TCP', { err }));
    tcp.maxConnections = MAX_CONNECTIONS;
    return server;
  }

  /** The one that was bound, where 0 was asked for. */
  get port(): number {
    return this.#udp.address().port;
  }

  close(): void {
    this.#udp.close();
    this.#tcp.close();
    for (const socket of this.#connections) socket.destroy();
  }

  #answer(bytes: Uint8Array, port: number, address: string): void {
    if (port === 0) return; // forged: there is nobody to answer
    this.#respond(bytes, false, (answer) => {
      // Unable to reach a client is the client's trouble.
      this.#udp.send(answer, port, address, () => {});
    });
  }

  #respond(bytes: Uint8Array, tcp: boolean, send: (answer: Uint8Array) => void): void {
    const failed = (err: unknown): void =>
      this.#options.log.warn('a DNS query could not be answered', { err });
    try {
      const answer = this.#options.responder.respond(bytes, tcp);
      if (answer instanceof Promise) answer.then(send).catch(failed);
      else if (answer) send(answer);
    } catch (err) {
      failed(err);
    }
  }

  #serve(socket: Socket): void {
    this.#connections.add(socket);
    let heard = Buffer.alloc(0);
    socket.setTimeout(IDLE_MS, () => socket.destroy());
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#connections.delete(socket));
    socket.on('data', (chunk) => {
      heard = Buffer.concat([heard, chunk]);
      while (heard.length >= 2) {
        const length = heard.readUInt16BE(0);
        if (length > MAX_QUERY_BYTES) return void socket.destroy();
        if (heard.length < 2 + length) return;
        const query = heard.subarray(2, 2 + length);
        heard = heard.subarray(2 + length);
        this.#respond(query, true, (answer) => {
          if (socket.destroyed) return;
          // Who asks and never reads is not waited for.
          if (socket.writableLength > MAX_UNREAD_BYTES) return void socket.destroy();
          socket.write(Buffer.from([answer.length >> 8, answer.length & 255]));
          socket.write(answer);
        });
      }
    });
  }
}
