/** Asks the servers of the board's own network, one after the other, and remembers what they said for a short while. */
import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { type Forwarded, parseForwarded } from './forwarded.plan.ts';
import { encodeQuery, type Query } from './message.plan.ts';

export interface UpstreamOptions {
  /** In the order in which they are asked. */
  readonly servers: () => Promise<readonly string[]>;
  readonly port?: number;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

export interface Heard {
  readonly forwarded: Forwarded;
  readonly ageSeconds: number;
}

const TIMEOUT_MS = 2_000;
const MAX_SERVERS = 3;
/** Of a few hundred bytes each. */
const MAX_KEPT = 1_000;
const MAX_WAITING = 200;
const MAX_TCP_BYTES = 65_537;

export class Upstream {
  readonly #options: UpstreamOptions;
  readonly #kept = new Map<string, { forwarded: Forwarded; at: number }>();
  readonly #waiting = new Map<string, Promise<Forwarded | undefined>>();

  constructor(options: UpstreamOptions) {
    this.#options = options;
  }

  /** Undefined: nobody answered. With `tcp`, what does not fit into a datagram is asked for again. */
  async ask(query: Query, tcp: boolean): Promise<Heard | undefined> {
    const { now } = this.#options;
    const key = `${query.name} ${query.type} ${query.edns} ${query.dnssecOk}`;
    const kept = this.#kept.get(key);
    if (kept) {
      const ageSeconds = Math.floor((now() - kept.at) / 1000);
      if (ageSeconds < kept.forwarded.ttlSeconds) return { forwarded: kept.forwarded, ageSeconds };
      this.#kept.delete(key);
    }
    // Many clients with one question are one question.
    const waitKey = `${key} ${tcp}`;
    let waiting = this.#waiting.get(waitKey);
    if (!waiting) {
      if (this.#waiting.size >= MAX_WAITING) return undefined;
      waiting = this.#fetch(query, tcp).finally(() => this.#waiting.delete(waitKey));
      this.#waiting.set(waitKey, waiting);
    }
    const forwarded = await waiting;
    if (!forwarded) return undefined;
    if (forwarded.ttlSeconds > 0 && !this.#kept.has(key)) {
      const [oldest] = this.#kept.keys();
      if (this.#kept.size >= MAX_KEPT && oldest !== undefined) this.#kept.delete(oldest);
      this.#kept.set(key, { forwarded, at: now() });
    }
    return { forwarded, ageSeconds: 0 };
  }

  async #fetch(query: Query, tcp: boolean): Promise<Forwarded | undefined> {
    const { servers, port = 53 } = this.#options;
    let last: Forwarded | undefined;
    for (const server of (await servers()).slice(0, MAX_SERVERS)) {
      let answer = await overUdp(server, port, query);
      if (tcp && answer?.truncated) answer = (await overTcp(server, port, query)) ?? answer;
      // SERVFAIL and REFUSED: another one may know better.
      if (answer && (answer.rcode === 0 || answer.rcode === 3)) return answer;
      last ??= answer;
    }
    return last;
  }
}

/** A socket of its own for each question: its port is as hard to guess as its id. */
function overUdp(server: string, port: number, query: Query): Promise<Forwarded | undefined> {
  const id = randomInt(65_536);
  return new Promise((resolve) => {
    const socket = createSocket(server.includes(':') ? 'udp6' : 'udp4');
    let ended = false;
    const end = (answer?: Forwarded): void => {
      if (ended) return;
      ended = true;
      clearTimeout(timer);
      socket.close();
      resolve(answer);
    };
    const timer = setTimeout(end, TIMEOUT_MS);
    // Not once: an error that comes late must not end the agent.
    socket.on('error', () => end());
    socket.on('message', (bytes) => {
      const answer = parseForwarded(bytes, id, query.question);
      if (answer) end(answer);
    });
    // An address that leads nowhere is told to the callback, which Node's types do not say.
    const connected = (err?: Error): void => {
      if (err) end();
      else if (!ended) socket.send(encodeQuery(query, id), (failed) => failed && end());
    };
    socket.connect(port, server, connected);
  });
}

function overTcp(server: string, port: number, query: Query): Promise<Forwarded | undefined> {
  const id = randomInt(65_536);
  return new Promise((resolve) => {
    const socket = connect(port, server);
    let heard = Buffer.alloc(0);
    const end = (answer: Forwarded | undefined): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(() => end(undefined), TIMEOUT_MS);
    socket.on('error', () => end(undefined));
    socket.on('close', () => end(undefined));
    socket.on('data', (chunk) => {
      heard = Buffer.concat([heard, chunk]);
      if (heard.length > MAX_TCP_BYTES) return end(undefined);
      if (heard.length < 2 || heard.length < 2 + heard.readUInt16BE(0)) return;
      end(parseForwarded(heard.subarray(2, 2 + heard.readUInt16BE(0)), id, query.question));
    });
    const bytes = encodeQuery(query, id);
    socket.write(Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes]));
  });
}
