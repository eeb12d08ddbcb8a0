/**
 * Answers as `coracle.local` on the LAN, and announces `_coracle._tcp`, so that people and boards find this server. A name that
 * somebody else has is not fought for: the next one is taken. Only neighbours are heard, and nothing that they send ends it.
 */
import { createSocket, type Socket } from 'node:dgram';
import { encodeMdns, MDNS_ADDRESS, MDNS_PORT, type MdnsMessage, parseMdns } from '#proto/dns/mdns.plan.ts';
import { TYPE } from '#proto/dns/message.plan.ts';
import type { Clock } from '#proto/meta/clock.ts';
import type { Logger } from '#proto/meta/log.ts';
import { isOn, lanSegments, type Segment } from '#proto/net/interfaces.ts';
import {
  hostName,
  hostRecord,
  type Presence,
  planReply,
  recordsOf,
  rivalOf,
  yields,
} from './answers.plan.ts';

export interface MdnsOptions {
  /** Where the API listens: on one address, or on `0.0.0.0`. */
  readonly listen: string;
  readonly instance: string;
  readonly port: number;
  readonly linkPort: number;
  readonly clock: Clock;
  readonly log: Logger;
}

const PROBES = 3;
const PROBE_GAP_MS = 250;
const ANNOUNCE_GAP_MS = 1_000;
/** A record is said to all at most once in this time: nobody makes this server flood its network (RFC 6762 §6). */
const QUIET_MS = 1_000;
/** New interfaces are looked for as often; an address that DHCP changed is announced then. */
const LOOK_MS = 60_000;
const MAX_NAMES = 9;

export class MdnsResponder {
  readonly #options: MdnsOptions;
  #socket: Socket | undefined;
  #segments: readonly Segment[] = [];
  /** Which name is probed for, or ours. */
  #attempt = 1;
  /** Only a name that was probed for is answered to. */
  #settled = false;
  /** Somebody else has the name. */
  #lost = false;
  #wake: AbortController | undefined;
  readonly #saidAt = new Map<string, number>();

  constructor(options: MdnsOptions) {
    this.#options = options;
  }

  /** Until the signal aborts. Never rejects: a server that nobody finds still serves. */
  async run(signal: AbortSignal): Promise<void> {
    let told = false;
    while (!signal.aborted) {
      try {
        this.#segments = this.#segmentsNow();
        if (this.#segments.length > 0) {
          this.#socket = await this.#open();
          await this.#serve(signal);
        }
      } catch (err) {
        if (!told) this.#options.log.warn('the server is not found by name on the LAN', { err });
        told = true;
      }
      this.#close();
      const before = JSON.stringify(this.#segments);
      if (JSON.stringify(this.#segmentsNow()) === before) await this.#sleep(LOOK_MS, signal);
    }
  }

  get #presence(): Presence {
    const { instance, port, linkPort } = this.#options;
    return { host: hostName(this.#attempt), instance, port, linkPort };
  }

  #segmentsNow(): Segment[] {
    const { listen } = this.#options;
    return lanSegments().filter(
      ({ address }) => listen === '0.0.0.0' || listen === '::' || listen === address,
    );
  }

  /** Returns when interfaces have changed, when no name is free, or with the signal. */
  async #serve(signal: AbortSignal): Promise<void> {
    const before = JSON.stringify(this.#segments);
    while (await this.#probe(signal)) {
      this.#settled = true;
      this.#options.log.info('the server is found on the LAN', { name: this.#presence.host });
      this.#announce(false);
      await this.#sleep(ANNOUNCE_GAP_MS, signal);
      this.#announce(false);
      while (!this.#lost && !signal.aborted) {
        await this.#sleep(LOOK_MS, signal);
        if (JSON.stringify(this.#segmentsNow()) !== before) return;
      }
      if (signal.aborted) this.#announce(true);
      this.#settled = false;
      this.#attempt++;
    }
  }

  /** Takes the first name that nobody else has; false where all are taken. */
  async #probe(signal: AbortSignal): Promise<boolean> {
    for (; this.#attempt <= MAX_NAMES; this.#attempt++) {
      this.#lost = false;
      for (let i = 0; i < PROBES && !this.#lost && !signal.aborted; i++) {
        const { host } = this.#presence;
        for (const segment of this.#segments)
          this.#send(segment, {
            questions: [{ name: host, type: TYPE.ANY, unicast: true }],
            authority: [hostRecord({ host }, segment.address)],
          });
        await this.#sleep(PROBE_GAP_MS, signal);
      }
      if (!this.#lost) return !signal.aborted;
    }
    this.#options.log.warn('every name for this server is taken on the LAN', { last: hostName(MAX_NAMES) });
    this.#attempt = 1;
    return false;
  }

  /** Shorter where the name is lost meanwhile. */
  async #sleep(ms: number, signal: AbortSignal): Promise<void> {
    this.#wake = new AbortController();
    await this.#options.clock.sleep(ms, AbortSignal.any([signal, this.#wake.signal])).catch(() => {});
    this.#wake = undefined;
  }

  #announce(gone: boolean): void {
    for (const segment of this.#segments)
      this.#send(segment, { response: true, answers: recordsOf(this.#presence, segment.address, gone) });
  }

  #hear(bytes: Uint8Array, from: { readonly address: string; readonly port: number }): void {
    const own = this.#segments.map(({ address }) => address);
    if (own.includes(from.address)) return;
    const segment = this.#segments.find((one) => isOn(one, from.address));
    const message = segment && parseMdns(bytes);
    if (!message) return;
    const rival = rivalOf(message, this.#presence.host, own);
    if (rival && this.#loses(segment, rival, message.response)) {
      this.#lost = true;
      this.#wake?.abort();
    }
    if (!this.#settled || this.#lost) return;
    const reply = planReply(message, this.#presence, segment.address, from.port !== MDNS_PORT);
    if (!reply) return;
    if (reply.unicast) this.#send(segment, reply.message, from);
    else if (this.#mayBeSaid(segment, reply.message)) this.#send(segment, reply.message);
  }

  /** Whoever has the name keeps it; of two that both have it, or both want it, the one with the greater address. */
  #loses(segment: Segment, rival: string, has: boolean): boolean {
    if (has !== this.#settled) return has;
    if (yields(segment.address, rival)) return true;
    if (has) this.#announce(false);
    return false;
  }

  #mayBeSaid(segment: Segment, { answers }: MdnsMessage): boolean {
    const now = this.#options.clock.now();
    const key = `${segment.address} ${answers.map(({ type, name }) => `${type} ${name}`).join()}`;
    if (now - (this.#saidAt.get(key) ?? Number.NEGATIVE_INFINITY) < QUIET_MS) return false;
    this.#saidAt.set(key, now);
    return true;
  }

  #send(
    segment: Segment,
    message: Partial<MdnsMessage>,
    to = { address: MDNS_ADDRESS, port: MDNS_PORT },
  ): void {
    try {
      this.#socket?.setMulticastInterface(segment.address);
      this.#socket?.send(encodeMdns(message), to.port, to.address, () => {});
    } catch {
      // The interface has just gone; the next look sees it.
    }
  }

  async #open(): Promise<Socket> {
    const socket = createSocket({ type: 'udp4', reuseAddr: true });
    socket.on('message', (bytes, from) => this.#hear(bytes, from));
    await new Promise<void>((resolve, reject) => {
      socket.once('error', (err) => {
        socket.close();
        reject(err);
      });
      socket.bind({ port: MDNS_PORT, address: '0.0.0.0' }, resolve);
    });
    socket.removeAllListeners('error');
    socket.on('error', (err) => this.#options.log.debug('multicast DNS', { err }));
    socket.setMulticastTTL(255);
    for (const { address } of this.#segments) socket.addMembership(MDNS_ADDRESS, address);
    return socket;
  }

  #close(): void {
    this.#socket?.close();
    this.#socket = undefined;
    this.#settled = false;
  }
}
