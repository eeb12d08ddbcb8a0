/**
 * A connection to an MQTT 5 broker that comes and goes. Guarantees: at most one message a topic waits while the broker is
 * away, the newest; every connect says them all again; the will and `online` stand in one topic, under a client
 * id that stays, so that an old will never lands after a new birth. Nothing here throws at the program that publishes.
 *
 * The client library is loaded at the first attempt: who has no telemetry pays nothing for it.
 */
import type { IClientOptions, MqttClient } from 'mqtt';
import type { Clock } from '../meta/clock.ts';
import type { Logger } from '../meta/log.ts';
import { bareHost } from '../net/host-port.ts';

/** Where the broker is and who we are there. Asked for anew at every attempt: certificates are renewed. */
export interface MqttEndpoint {
  /** `mqtt://` or `mqtts://`, with user and password where the broker wants those. */
  readonly url: string;
  /** PEM; absent: what the system trusts, and no client certificate. */
  readonly tls?: {
    readonly ca: string;
    readonly cert: string;
    readonly key: string;
    readonly servername: string;
  };
}

export interface MqttMessage {
  readonly topic: string;
  /** '' removes a retained message. */
  readonly payload: string;
  readonly qos: 0 | 1;
  readonly retain: boolean;
  readonly expirySeconds?: number;
}

export interface ReceivedMessage {
  readonly topic: string;
  readonly payload: string;
  /** It was published to be kept, now or long ago. */
  readonly retained: boolean;
  /** What is left of its time; undefined: it has no end. */
  readonly expirySeconds: number | undefined;
  readonly correlationData: string | undefined;
}

export interface MqttOptions {
  /** Undefined: there is no broker (any more); {@link MqttConnection.endpointChanged} tells when to ask again. */
  readonly endpoint: () => MqttEndpoint | undefined;
  readonly clientId: string;
  /** `online` while connected, `offline` on a clean end and as last will. */
  readonly availabilityTopic: string;
  readonly subscribe?: readonly string[];
  /** As {@link subscribe}, told as it was published: what was meant to be kept is `retained`, and not what we say ourselves. */
  readonly subscribeAsPublished?: readonly string[];
  /** Asked at every attempt; 20 where it is absent. */
  readonly keepaliveSeconds?: () => number;
  readonly onMessage?: (message: ReceivedMessage) => void;
  /** After `online`, before the last values. */
  readonly onConnect?: () => void;
  readonly reconnectDelayMs: (attempt: number) => number;
  readonly clock: Clock;
  readonly log: Logger;
}

/** A Wi-Fi that hiccups shorter than this does not make a board flap. */
const WILL_DELAY_S = 5;
/** At least the will's delay: a session that ends takes its will with it, at once. */
const SESSION_EXPIRY_S = 10;
const KEEPALIVE_S = 20;
const CONNECT_MS = 15_000;
const GOODBYE_MS = 2_000;
const HEALTHY_MS = 60_000;
/** Attempts in a row after which a broker that was never there is worth a warning. */
const PATIENCE = 3;
/** Messages on their way to a broker that takes none: it stalls, and a new connection is due. */
const MAX_IN_FLIGHT = 1_000;

export class MqttConnection {
  readonly #options: MqttOptions;
  readonly #last = new Map<string, MqttMessage>();
  #client: MqttClient | undefined;
  #inFlight = 0;
  #established = false;
  #wake: () => void = () => {};
  #awaySinceMs: number;

  constructor(options: MqttOptions) {
    this.#options = options;
    this.#awaySinceMs = options.clock.now();
  }

  /** When the last connection ended, or this one was asked for. */
  get awaySinceMs(): number {
    return this.#awaySinceMs;
  }

  get connected(): boolean {
    return this.#client !== undefined;
  }

  /** Sent now, or as soon as the broker is there unless a newer one for the same topic comes first. */
  publish(message: MqttMessage): void {
    this.#last.set(message.topic, message);
    this.#send(message);
  }

  /** Sent now or never: what is of no use to who comes later. */
  tell(message: MqttMessage): void {
    this.#send(message);
  }

  /** Removes a retained message, and what waits for its topic. */
  remove(topic: string): void {
    this.publish({ topic, payload: '', qos: 1, retain: true });
  }

  /** Says all last values again, for somebody who has just come. */
  republish(): void {
    for (const message of this.#last.values()) this.#send(message);
  }

  /** The address or the credentials are others now. */
  endpointChanged(): void {
    this.#wake();
  }

  /** Runs until the signal; then says `offline` and leaves. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log, endpoint, reconnectDelayMs } = this.#options;
    for (let attempt = 0; !signal.aborted; attempt++) {
      const target = endpoint();
      if (!target) {
        await this.#woken(signal);
        attempt = -1;
        continue;
      }
      const began = clock.now();
      this.#established = false;
      const reason = await this.#session(target, signal).catch((err: Error) => err.message);
      if (signal.aborted) return;
      if (clock.now() - began > HEALTHY_MS) attempt = 0;
      const delayMs = reconnectDelayMs(attempt);
      // A broker that starts beside us, or does not know us yet, is no news; one that goes is, and one that stays away.
      if (this.#established || attempt === PATIENCE) log.warn('the MQTT broker is away', { reason, delayMs });
      else log.debug('still no MQTT broker', { reason, attempt, delayMs });
      const woken = new AbortController();
      const waiting = AbortSignal.any([signal, woken.signal]);
      this.#wake = () => woken.abort();
      await clock.sleep(delayMs, waiting).catch(() => {});
    }
  }

  #woken(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  /** One connection, from connect to end; gives the reason of its end. */
  async #session(target: MqttEndpoint, signal: AbortSignal): Promise<string> {
    const {
      availabilityTopic,
      subscribe = [],
      subscribeAsPublished = [],
      onMessage,
      onConnect,
      log,
    } = this.#options;
    const client = (await import('#proto/agent/mqtt.ts')).openMqtt().connect(this.#clientOptions(target));
    return new Promise((resolve) => {
      let ended = false;
      const end = (reason: string, how: 'broken' | 'clean' | 'forgotten' = 'broken'): void => {
        if (ended) return;
        ended = true;
        if (this.#client === client) {
          this.#client = undefined;
          this.#awaySinceMs = this.#options.clock.now();
        }
        this.#wake = () => {};
        signal.removeEventListener('abort', stop);
        client.end(how === 'broken', how === 'forgotten' ? { properties: { sessionExpiryInterval: 0 } } : {});
        resolve(reason);
      };
      const stop = (): void => {
        if (this.#client !== client) {
          end('stopped');
          return;
        }
        // A clean end sends no will.
        this.#client = undefined;
        const left = (): void => end('stopped', 'clean');
        setTimeout(left, GOODBYE_MS).unref();
        client.publish(availabilityTopic, 'offline', { qos: 1, retain: true }, left);
      };
      this.#wake = () => end('the broker is another now');
      signal.addEventListener('abort', stop, { once: true });
      if (signal.aborted) return stop();
      client.on('error', (err) => end(err.message || String((err as NodeJS.ErrnoException).code)));
      client.on('close', () => end('the connection broke'));
      client.on('disconnect', (packet) => end(`the broker closed the connection: ${packet.reasonCode ?? 0}`));
      client.on('message', (topic, payload, { retain, properties }) =>
        onMessage?.({
          topic,
          payload: payload.toString(),
          retained: retain,
          expirySeconds: properties?.messageExpiryInterval,
          correlationData: properties?.correlationData?.toString(),
        }),
      );
      client.on('connect', () => {
        this.#inFlight = 0;
        // A broker that does not let us write our own topic lets us write nothing: perhaps it knows us later.
        client.publish(availabilityTopic, 'online', { qos: 1, retain: true }, (err) => {
          // No session is left behind: mosquitto, up to 2.0.22 at least, puts a session that waits for its end onto that list
          // a second time when it reads its access list again, and it is about to do so for us. From then on it ends whoever
          // gets the memory of the one that it forgot, again and again.
          if (err) return end(`publishing is refused: ${err.message}`, 'forgotten');
          if (ended || signal.aborted) return;
          this.#client = client;
          this.#established = true;
          log.info('connected to the MQTT broker', { broker: new URL(target.url).host });
          const wanted = [
            ...subscribe.map((topic) => [topic, { qos: 1 }] as const),
            ...subscribeAsPublished.map((topic) => [topic, { qos: 1, rap: true, nl: true }] as const),
          ];
          if (wanted.length > 0) client.subscribe(Object.fromEntries(wanted), () => {});
          onConnect?.();
          this.republish();
        });
      });
    });
  }

  #send(message: MqttMessage): void {
    const client = this.#client;
    if (!client) return;
    if (this.#inFlight >= MAX_IN_FLIGHT) return void client.stream.destroy(new Error('the broker stalls'));
    this.#inFlight++;
    const { topic, payload, qos, retain, expirySeconds } = message;
    const properties = expirySeconds === undefined ? {} : { messageExpiryInterval: expirySeconds };
    client.publish(topic, payload, { qos, retain, properties }, (err) => {
      if (this.#client === client) this.#inFlight--;
      if (err) {
        this.#options.log.debug('a message was not published', { topic, err });
        return;
      }
      // What was removed need not be removed again.
      if (payload === '' && this.#last.get(topic) === message) this.#last.delete(topic);
    });
  }

  #clientOptions({ url, tls }: MqttEndpoint): IClientOptions {
    const { clientId, availabilityTopic, keepaliveSeconds } = this.#options;
    const { protocol, hostname, port, username, password } = new URL(url);
    const secure = protocol === 'mqtts:';
    return {
      protocol: secure ? 'mqtts' : 'mqtt',
      host: bareHost(hostname),
      port: Number(port) || (secure ? 8883 : 1883),
      ...(username ? { username: decodeURIComponent(username) } : {}),
      ...(password ? { password: decodeURIComponent(password) } : {}),
      protocolVersion: 5,
      clientId,
      // The session goes on, so that a short break takes the delayed will back instead of letting it out.
      clean: false,
      properties: { sessionExpiryInterval: SESSION_EXPIRY_S },
      keepalive: keepaliveSeconds?.() ?? KEEPALIVE_S,
      connectTimeout: CONNECT_MS,
      // Ours to time, with jitter; and nothing is queued: last values are said again.
      reconnectPeriod: 0,
      queueQoSZero: false,
      resubscribe: false,
      will: {
        topic: availabilityTopic,
        payload: Buffer.from('offline'),
        qos: 1,
        retain: true,
        properties: { willDelayInterval: WILL_DELAY_S },
      },
      ...(tls ?? {}),
    };
  }
}
