/**
 * Asks other servers, one after the other, and remembers what they said for a short while. A server that does not answer is asked
 * last for a while; one that leads back here is not asked: whoever asked it would wait for himself.
 */
import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { encodeQuery, encodeQuestion, type Query, RCODE, TYPE } from '#proto/dns/message.plan.ts';
import type { Logger } from '#proto/meta/log.ts';
import { isIpv6 } from '#proto/net/cidr.ts';
import { type Forwarded, parseForwarded } from './forwarded.plan.ts';
import { parseServer, type ServerAddress } from './forwarding.plan.ts';

export interface UpstreamOptions {
  /** For a name in lower case, in the order in which they are asked: `192.168.1.1`, `192.168.1.1:5353`. */
  readonly servers: (name: string) => Promise<readonly string[]>;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** How long one server may take; 2 s when absent. */
  readonly timeoutMs?: number;
  readonly log: Logger;
}

export interface Heard {
  readonly forwarded: Forwarded;
  readonly ageSeconds: number;
}

const TIMEOUT_MS = 2_000;
const MAX_SERVERS = 3;
const MAX_KEPT = 1_000;
const MAX_KEPT_BYTES = 512 * 1024;
const MAX_WAITING = 200;
const MAX_TCP_BYTES = 65_537;
/** A server that was silent is asked after the others for so long. */
const SILENT_MS = 10_000;
/** How long it is believed that a server leads back here, and that it does not. */
const LOOP_MS = 60_000;
const NO_LOOP_MS = 600_000;

export class Upstream {
  readonly #options: UpstreamOptions;
  readonly #kept = new Map<string, { forwarded: Forwarded; at: number }>();
  #keptBytes = 0;
  readonly #waiting = new Map<string, Promise<Forwarded | undefined>>();
  readonly #silentUntil = new Map<string, number>();
  /** By server: whether it leads back here, and until when that is believed. */
  readonly #loops = new Map<string, { loop: boolean; until: number }>();
  /** Names that were made up to find that out, with whom they were asked of. */
  readonly #probes = new Map<string, string>();

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
      this.#drop(key, kept.forwarded);
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
    this.#keep(key, forwarded);
    return { forwarded, ageSeconds: 0 };
  }

  /** Other servers are to be asked from now on: what was heard is forgotten. */
  forget(): void {
    this.#kept.clear();
    this.#keptBytes = 0;
    this.#silentUntil.clear();
    this.#loops.clear();
  }

  /** Whether this is a question of our own that has come back; then whoever was asked is not asked again. */
  cameBack({ name, type }: Query): boolean {
    const server = type === TYPE.HINFO ? this.#probes.get(name) : undefined;
    if (server === undefined) return false;
    const { now, log } = this.#options;
    log.warn('a DNS server leads back to this board and is not asked', { server });
    this.#loops.set(server, { loop: true, until: now() + LOOP_MS });
    return true;
  }

  #keep(key: string, forwarded: Forwarded): void {
    if (forwarded.ttlSeconds === 0 || this.#kept.has(key)) return;
    this.#kept.set(key, { forwarded, at: this.#options.now() });
    this.#keptBytes += forwarded.bytes.length;
    for (const [oldest, { forwarded: old }] of this.#kept) {
      if (this.#kept.size <= MAX_KEPT && this.#keptBytes <= MAX_KEPT_BYTES) return;
      this.#drop(oldest, old);
    }
  }

  #drop(key: string, forwarded: Forwarded): void {
    if (this.#kept.delete(key)) this.#keptBytes -= forwarded.bytes.length;
  }

  async #fetch(query: Query, tcp: boolean): Promise<Forwarded | undefined> {
    const { servers, now, timeoutMs = TIMEOUT_MS } = this.#options;
    const all = (await servers(query.name))
      .slice(0, MAX_SERVERS)
      .filter((server) => !this.#leadsBack(server));
    const isSilent = (server: string): number => ((this.#silentUntil.get(server) ?? 0) > now() ? 1 : 0);
    let last: Forwarded | undefined;
    for (const server of all.sort((a, b) => isSilent(a) - isSilent(b))) {
      const address = parseServer(server);
      if (!address) continue;
      let answer = await overUdp(address, query, timeoutMs);
      if (tcp && answer?.truncated) answer = (await overTcp(address, query, timeoutMs)) ?? answer;
      if (answer) this.#silentUntil.delete(server);
      else this.#silentUntil.set(server, now() + SILENT_MS);
      // SERVFAIL and REFUSED: another one may know better.
      if (answer && (answer.rcode === RCODE.NOERROR || answer.rcode === RCODE.NXDOMAIN)) return answer;
      last ??= answer;
    }
    return last;
  }

  /** Asks a server for a name that nobody else can know, as CoreDNS does: if the question arrives here, there is a loop. */
  #leadsBack(server: string): boolean {
    const { now } = this.#options;
    const known = this.#loops.get(server);
    if (known && now() < known.until) return known.loop;
    this.#loops.set(server, { loop: false, until: now() + NO_LOOP_MS });
    const address = parseServer(server);
    if (address) {
      const name = `${randomInt(2 ** 47)}.${randomInt(2 ** 47)}`;
      const question = encodeQuestion(name, TYPE.HINFO);
      this.#probes.set(name, server);
      void overUdp(address, { question, edns: false, dnssecOk: false }, TIMEOUT_MS).then(() =>
        this.#probes.delete(name),
      );
    }
    return false;
  }
}

type Asked = Pick<Query, 'question' | 'edns' | 'dnssecOk'>;

/** A socket of its own for each question: its port is as hard to guess as its id. Never rejects. */
function overUdp(
  { host, port }: ServerAddress,
  query: Asked,
  timeoutMs: number,
): Promise<Forwarded | undefined> {
  const id = randomInt(65_536);
  return new Promise((resolve) => {
    const socket = createSocket(isIpv6(host) ? 'udp6' : 'udp4');
    let ended = false;
    const end = (answer?: Forwarded): void => {
      if (ended) return;
      ended = true;
      clearTimeout(timer);
      socket.close();
      resolve(answer);
    };
    const timer = setTimeout(end, timeoutMs);
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
    socket.connect(port, host, connected);
  });
}

function overTcp(
  { host, port }: ServerAddress,
  query: Asked,
  timeoutMs: number,
): Promise<Forwarded | undefined> {
  const id = randomInt(65_536);
  return new Promise((resolve) => {
    const socket = connect(port, host);
    let heard = Buffer.alloc(0);
    const end = (answer: Forwarded | undefined): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(() => end(undefined), timeoutMs);
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
