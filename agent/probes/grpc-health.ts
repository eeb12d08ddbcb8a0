import { Socket } from 'node:net';
import { Client, credentials, status } from '@grpc/grpc-js';
import { goDuration } from '#proto/meta/duration.ts';
import { socketError } from '#proto/net/dial.ts';
import { hostPort } from '#proto/net/host-port.ts';
import { checkRequest, type Reading, readMore, START } from './grpc-answer.plan.ts';
import { userAgent } from './http-request.ts';
import type { Outcome } from './probe.plan.ts';

const SERVING = 1;
const NAMES = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'];
/** More does not go into one frame; nobody's service has such a name. */
const MAX_MESSAGE = 16_000;

export interface GrpcTarget {
  readonly host: string;
  readonly port: number;
  readonly service: string;
  readonly timeoutMs: number;
}

/**
 * `grpc.health.v1.Health/Check` over a connection of its own, as upstream asks.
 *
 * It speaks HTTP/2 on a bare socket as long as the answer is a plain one: through a gRPC library a probe took five times the CPU,
 * and many Pods are asked each second. What is not plain is asked again through the library, which has the words for it.
 */
export class GrpcHealth {
  readonly #target: GrpcTarget;
  readonly #address: string;
  /** Undefined: too long for one frame. */
  readonly #request: Buffer | undefined;
  readonly #buffer: Buffer;

  /** `buffer`: what is received is read out of it before the next is received, on whatever socket. */
  constructor(target: GrpcTarget, buffer: Buffer) {
    const { host, port, service, timeoutMs } = target;
    this.#target = target;
    this.#address = hostPort(host, port);
    this.#buffer = buffer;
    const message = encodeRequest(service).toString('latin1');
    if (message.length > MAX_MESSAGE) return;
    const seconds = Math.ceil(timeoutMs / 1000);
    this.#request = Buffer.from(checkRequest(this.#address, seconds, userAgent('probe'), message), 'latin1');
  }

  async probe(): Promise<Outcome> {
    const { timeoutMs } = this.#target;
    const begunMs = performance.now();
    const end = this.#request ? await this.#ask(this.#request) : UNCLEAR;
    switch (end.at) {
      case 'answered':
        return outcomeOf(end.serving);
      case 'failed':
        return { type: 'failure', message: end.why };
      case 'unclear':
        return askLibrary(
          this.#target,
          this.#address,
          Math.max(1, timeoutMs - (performance.now() - begunMs)),
        );
    }
  }

  /** Never rejects. */
  #ask(request: Buffer): Promise<Ended> {
    const { host, port, timeoutMs } = this.#target;
    const buffer = this.#buffer;
    return new Promise((resolve) => {
      let reading: Reading = START;
      let heard = false;
      const settle = (end: Ended): void => {
        clearTimeout(timer);
        socket.destroy();
        resolve(end);
      };
      const callback = (size: number): boolean => {
        heard = true;
        reading = readMore(reading, buffer.toString('latin1', 0, size));
        if (reading.at !== 'frames') settle(reading);
        else if (reading.reply !== '') socket.write(reading.reply, 'latin1');
        return true;
      };
      const socket = new Socket({ onread: { buffer, callback } });
      const failed = (why: string): void => settle({ at: 'failed', why });
      const unconnected = `timeout: failed to connect service "${this.#address}" within`;
      const timer = setTimeout(() => {
        const time = goDuration(timeoutMs);
        failed(
          heard
            ? `timeout: health rpc did not complete within ${time}`
            : `${unconnected} ${time}: context deadline exceeded`,
        );
      }, timeoutMs);
      socket.on('connect', () => socket.write(request));
      socket.on('error', (err: NodeJS.ErrnoException) => {
        if (err.syscall === 'connect') failed(`${unconnected} the timeout: ${socketError(host, port, err)}`);
        else settle(UNCLEAR);
      });
      socket.on('close', () => settle(UNCLEAR));
      socket.connect({ host, port });
    });
  }
}

type Ended = Exclude<Reading, { at: 'frames' }> | { readonly at: 'failed'; readonly why: string };

const UNCLEAR: Ended = { at: 'unclear' };

function outcomeOf(serving: number): Outcome {
  if (serving === SERVING) return { type: 'success', message: 'service healthy' };
  const name = NAMES[serving] ?? serving;
  return { type: 'failure', message: `service unhealthy (responded with "${name}")` };
}

async function askLibrary({ service }: GrpcTarget, address: string, timeoutMs: number): Promise<Outcome> {
  const client = new Client(address, credentials.createInsecure(), {
    'grpc.primary_user_agent': userAgent('probe'),
    'grpc.enable_retries': 0,
  });
  try {
    return await new Promise<Outcome>((resolve) => {
      client.makeUnaryRequest(
        '/grpc.health.v1.Health/Check',
        encodeRequest,
        decodeResponse,
        service,
        { deadline: Date.now() + timeoutMs },
        (err, serving) =>
          resolve(
            err
              ? { type: 'failure', message: explain(err.code, err.details, address) }
              : outcomeOf(serving ?? 0),
          ),
      );
    });
  } finally {
    client.close();
  }
}
function explain(code: number, details: string, address: string): string {
  if (code === status.UNIMPLEMENTED) {
    return `error: this server does not implement the grpc health protocol (grpc.health.v1.Health): ${details}`;
  }
  if (code === status.DEADLINE_EXCEEDED || code === status.UNAVAILABLE) {
    return `timeout: failed to connect service "${address}" within the timeout: ${details}`;
  }
  return `error: health rpc probe failed: ${details}`;
}

function encodeRequest(service: string): Buffer {
  const text = Buffer.from(service);
  if (text.length === 0) return text;
  const length: number[] = [];
  for (let rest = text.length; ; rest >>>= 7) {
    length.push(rest > 0x7f ? (rest & 0x7f) | 0x80 : rest);
    if (rest <= 0x7f) break;
  }
  return Buffer.concat([Buffer.from([0x0a, ...length]), text]);
}

function decodeResponse(bytes: Buffer): number {
  return bytes[0] === 0x08 ? (bytes[1] ?? 0) : 0;
}
