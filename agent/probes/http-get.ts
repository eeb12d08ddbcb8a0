import { isIP, Socket } from 'node:net';
import { connect as connectTls, createSecureContext, type SecureContext } from 'node:tls';
import { socketError } from '#proto/net/dial.ts';
import { type HttpAnswer, type Reading, readEnd, readMore, START } from './http-answer.plan.ts';
import { firstRequest, type HttpRequest, type HttpTarget, redirected } from './http-request.ts';
import type { Outcome } from './probe.plan.ts';

const MAX_REDIRECTS = 10;

/** What all requests of a board share. */
export class HttpShared {
  /** What is received is read out of it before the next is received, on whatever socket. */
  readonly buffer = Buffer.allocUnsafeSlow(4096);
  #secure: SecureContext | undefined;

  get secure(): SecureContext {
    this.#secure ??= createSecureContext();
    return this.#secure;
  }
}

/**
 * Upstream's HTTP client for probes and hooks, and its verdict: 200 to 399 is success; redirects are followed on the same
 * host alone; certificates are not verified, because a Pod's address is in none. The time is for everything together.
 *
 * It speaks HTTP on a bare socket: through `node:http` a probe took twice the CPU, and many Pods are asked each second.
 */
export class HttpGet {
  readonly #first: HttpRequest;
  readonly #shared: HttpShared;

  /** Throws where no URL can be made of the target. */
  constructor(target: HttpTarget, shared: HttpShared) {
    this.#first = firstRequest(target);
    this.#shared = shared;
  }

  async probe(timeoutMs: number): Promise<Outcome> {
    const answer = await this.ask(timeoutMs);
    if ('type' in answer) return answer;
    const { status, body } = answer;
    if (status < 200 || status >= 400)
      return { type: 'failure', message: `HTTP probe failed with statuscode: ${status}` };
    if (status < 300) return OK;
    const text = Buffer.from(body, 'latin1').toString();
    return { type: 'warning', message: `Probe terminated redirects, Response body: ${text}` };
  }

  /** The answer at the end of all redirects. */
  async ask(timeoutMs: number): Promise<HttpAnswer | Extract<Outcome, { type: 'failure' | 'error' }>> {
    let request = this.#first;
    let leftMs = timeoutMs;
    for (let redirects = 0; ; redirects++) {
      const failed = (why: string) =>
        ({ type: 'failure', message: `Get "${request.shown}": ${why}` }) as const;
      if (!request.bytes) return failed(request.problem);
      const begunMs = performance.now();
      const end = await exchange(request, request.bytes, leftMs, this.#shared);
      if (end.at === 'broken')
        // There was a status, and upstream does not believe it: nothing is counted.
        return end.part === 'head' ? failed(end.why) : { type: 'error', message: end.why };
      const location = end.answer.location ?? '';
      let next: HttpRequest | undefined;
      try {
        next = redirected(request, end.answer.status, location);
      } catch (err) {
        const why = err instanceof Error ? err.message : String(err);
        return failed(`failed to parse Location header ${JSON.stringify(location)}: ${why}`);
      }
      if (!next) return end.answer;
      if (redirects === MAX_REDIRECTS - 1)
        return { type: 'failure', message: `Get "${location}": stopped after ${MAX_REDIRECTS} redirects` };
      request = next;
      leftMs -= performance.now() - begunMs;
    }
  }
}

const OK: Outcome = { type: 'success', message: '' };

/** Names are told to servers that have several; an address is none. */
const nameOf = (host: string) => (isIP(host) ? {} : { servername: host });

type Ended = Extract<Reading, { at: 'done' | 'broken' }>;

/** One request and its answer, or why there is none; never rejects. The connection ends with what is needed of the answer. */
function exchange(request: HttpRequest, bytes: Buffer, ms: number, shared: HttpShared): Promise<Ended> {
  return new Promise((resolve) => {
    const { host, port, isTls } = request;
    let reading: Reading = START;
    const take = (bytes: Buffer): boolean => {
      know(readMore(reading, bytes.toString('latin1')));
      return true;
    };
    const { buffer } = shared;
    const callback = (size: number): boolean => take(buffer.subarray(0, size));
    const socket = isTls
      ? connectTls({ host, port, secureContext: shared.secure, rejectUnauthorized: false, ...nameOf(host) })
      : new Socket({ onread: { buffer, callback } });
    const settle = (result: Ended): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(result);
    };
    const know = (next: Reading): void => {
      reading = next;
      if (next.at === 'done' || next.at === 'broken') settle(next);
    };
    const breakOff = (why: string): void =>
      settle({ at: 'broken', part: reading.at === 'head' ? 'head' : 'body', why });
    const timer = setTimeout(() => {
      const what =
        reading.at === 'head'
          ? 'exceeded while awaiting headers'
          : 'or context cancellation while reading body';
      breakOff(`context deadline exceeded (Client.Timeout ${what})`);
    }, ms);
    socket.on('data', take);
    socket.on('close', () => know(readEnd(reading)));
    socket.on('error', (err: NodeJS.ErrnoException) => {
      breakOff(socketError(host, port, err));
    });
    socket.on(isTls ? 'secureConnect' : 'connect', () => socket.write(bytes));
    if (!isTls) socket.connect({ host, port });
  });
}
