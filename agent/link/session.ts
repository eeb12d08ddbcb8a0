/**
 * The board's end of the link: one session, reconnected for ever with full jitter. What the server wants is on the board's
 * disk before it is acknowledged; API calls fail fast while the server is away, and their callers retry from state.
 */
import { type ClientDuplexStream, status as grpcStatus } from '@grpc/grpc-js';
import type {
  Change,
  FromAgent,
  FromServer,
  LinkClient,
  OpenStream,
  Usage,
  Welcome,
} from '#proto/agent/generated/link.ts';
import type { Clock } from '#proto/meta/clock.ts';
import type { Logger } from '#proto/meta/log.ts';
import { StatusError, serviceUnavailable } from '#proto/meta/status-error.ts';
import type { Status } from '#proto/schema/generated/meta-v1.ts';
import { reconnectDelayMs } from './backoff.plan.ts';
import type { Cluster } from './cluster.ts';
import type { DesiredStore } from './desired-store.ts';

export interface LinkOptions {
  /** A new client for each attempt: certificates may have changed, and a stuck channel is not kept. */
  readonly connect: () => LinkClient;
  readonly nodeName: string;
  /** New with each start of the agent. */
  readonly bootId: string;
  readonly version: string;
  /** What tells this board from others, hashed; ''. */
  readonly hardware: string;
  readonly desired: DesiredStore;
  /** The server asks for a reverse stream; never throws. */
  readonly onOpenStream: (request: OpenStream, client: LinkClient) => void;
  readonly onWelcome: (welcome: Welcome) => void;
  /** The dates of the server's certificate don't fit the board's clock; the next attempt waits for it. */
  readonly onDatesRefused?: () => Promise<void>;
  /** The server knows this board no more, or not yet again; the next attempt waits for it. Never rejects. */
  readonly onRefused?: (reason: string) => Promise<void>;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
}

/** A peer that accepts TCP and then says nothing hangs grpc-js for ever: the Welcome must come in time. */
const CONNECT_MS = 15_000;
const CALL_MS = 30_000;
/** A session that lived this long was healthy: the next failure starts the back-off anew. */
const HEALTHY_MS = 10_000;

/** As TLS puts it, where the server's certificate is not, or not any more, valid at this time. */
const DATES = /CERT_HAS_EXPIRED|CERT_NOT_YET_VALID|certificate has expired|certificate is not yet valid/;
const isAboutDates = (reason: string): boolean => DATES.test(reason);

interface Pending {
  readonly resolve: (answer: { code: number; body: Uint8Array }) => void;
  readonly reject: (err: Error) => void;
  readonly timer: NodeJS.Timeout;
}

export class Link implements Cluster {
  readonly #options: LinkOptions;
  readonly #listeners = new Set<(connected: boolean) => void>();
  readonly #pending = new Map<number, Pending>();
  #call: ClientDuplexStream<FromAgent, FromServer> | undefined;
  #connected = false;
  #nextId = 0;
  #epoch = 0;
  #welcomedMs = Number.POSITIVE_INFINITY;
  #usageIntervalMs = 0;
  #refusal: string | undefined;
  #end: ((reason: string) => void) | undefined;

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  get connected(): boolean {
    return this.#connected;
  }

  /** How often the server wants to hear of the board's usage; 0 while it is away. */
  get usageIntervalMs(): number {
    return this.#connected ? this.#usageIntervalMs : 0;
  }

  /** What the board uses; dropped while the server is away. */
  report(usage: Usage): void {
    if (this.#connected) this.#call?.write({ message: { $case: 'usage', value: usage } });
  }

  /** Connects anew, at once: the board knows better than its sockets that their address is gone. */
  reconnect(reason: string): void {
    this.#end?.(reason);
  }

  onConnection(listener: (connected: boolean) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Runs until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, random, log } = this.#options;
    for (let attempt = 0; !signal.aborted; attempt++) {
      const reason = await this.#session(signal);
      if (signal.aborted) return;
      // From its Welcome on: a try that hangs for long is no session.
      if (clock.uptimeMs() - this.#welcomedMs > HEALTHY_MS) attempt = 0;
      this.#welcomedMs = Number.POSITIVE_INFINITY;
      const refusal = this.#refusal;
      this.#refusal = undefined;
      if (refusal) await this.#options.onRefused?.(refusal);
      if (isAboutDates(reason))
        await this.#options
          .onDatesRefused?.()
          .catch((err: unknown) => log.debug('the server does not tell the time', { err }));
      const delayMs = reconnectDelayMs(attempt, random());
      // One line when the server goes away; the many attempts after that are not news.
      if (attempt === 0) log.warn('the server is away, pods go on running', { reason, delayMs });
      else log.debug('still no server', { reason, attempt, delayMs });
      await clock.sleep(delayMs, signal).catch(() => {});
    }
  }

  async api<T>(method: string, path: string, body?: unknown, contentType = 'application/json'): Promise<T> {
    const call = this.#call;
    if (!call || !this.#connected) throw serviceUnavailable('the server is away');
    const id = ++this.#nextId;
    const answer = await new Promise<{ code: number; body: Uint8Array }>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#pending.delete(id);
        reject(new StatusError('Timeout', `${method} ${path}: no answer within ${CALL_MS / 1000} s`));
      }, CALL_MS);
      this.#pending.set(id, { resolve, reject, timer });
      const bytes = body === undefined ? new Uint8Array() : Buffer.from(JSON.stringify(body));
      call.write({ message: { $case: 'request', value: { id, method, path, contentType, body: bytes } } });
    });
    const text = Buffer.from(answer.body).toString();
    const value: unknown = text ? JSON.parse(text) : undefined;
    if (answer.code >= 400) throw StatusError.from((value ?? { code: answer.code }) as Status);
    return value as T;
  }

  /** One session from connect to end; gives the reason of its end. */
  #session(signal: AbortSignal): Promise<string> {
    const { connect, nodeName, bootId, version, hardware, desired } = this.#options;
    const client = connect();
    const call = client.session();
    return new Promise((resolve) => {
      let ended = false;
      const end = (reason: string): void => {
        if (ended) return;
        ended = true;
        this.#end = undefined;
        clearTimeout(watchdog);
        signal.removeEventListener('abort', stop);
        call.cancel();
        client.close();
        this.#disconnect(call, reason);
        resolve(reason);
      };
      this.#end = end;
      const stop = (): void => end('the agent stops');
      let changes: Change[] = [];
      const write = (): void => {
        const batch = changes;
        changes = [];
        if (!ended) this.#write(batch, call);
      };
      const carefully = (work: () => void): void => {
        try {
          work();
        } catch (err) {
          // A full disk, most likely: not acknowledged, so it is sent again.
          this.#options.log.error('a message of the server could not be carried out', { err });
          end((err as Error).message);
        }
      };
      const watchdog = setTimeout(() => end(`no welcome within ${CONNECT_MS / 1000} s`), CONNECT_MS);
      signal.addEventListener('abort', stop, { once: true });
      call.on('error', (err: Error & { code?: number }) => {
        if (err.code === grpcStatus.UNAUTHENTICATED) this.#refusal = err.message;
        end(err.message);
      });
      call.on('end', () => end('the server closed the session'));
      call.on('data', ({ message }: FromServer) => {
        if (message?.$case === 'welcome') clearTimeout(watchdog);
        if (message?.$case === 'change') {
          // What comes in one turn is written together: a join brings hundreds, and each sync costs a card dearly.
          if (changes.push(message.value) === 1) setImmediate(() => carefully(write));
          return;
        }
        carefully(() => {
          write();
          if (message) this.#receive(message, call, client);
        });
      });
      this.#epoch++;
      const hello = { nodeName, bootId, epoch: this.#epoch, version, hardware, have: desired.have() };
      call.write({ message: { $case: 'hello', value: hello } });
    });
  }

  #write(changes: readonly Change[], call: ClientDuplexStream<FromAgent, FromServer>): void {
    const last = changes.at(-1);
    if (!last) return;
    this.#options.desired.apply(
      changes.map(({ kind, namespace, name, digest, object }) => ({
        plural: kind,
        key: namespace ? `${namespace}/${name}` : name,
        digest,
        object: object.length > 0 ? JSON.parse(Buffer.from(object).toString()) : undefined,
      })),
    );
    call.write({ message: { $case: 'ack', value: { sequence: last.sequence } } });
  }

  #receive(
    message: Exclude<NonNullable<FromServer['message']>, { $case: 'change' }>,
    call: ClientDuplexStream<FromAgent, FromServer>,
    client: LinkClient,
  ): void {
    const { desired, onWelcome, onOpenStream, log } = this.#options;
    switch (message.$case) {
      case 'welcome':
        onWelcome(message.value);
        this.#call = call;
        this.#connected = true;
        this.#usageIntervalMs = message.value.usageIntervalMs;
        this.#welcomedMs = this.#options.clock.uptimeMs();
        log.info('connected to the server', { server: message.value.version });
        for (const listener of [...this.#listeners]) listener(true);
        return;
      case 'synced':
        desired.markComplete();
        return;
      case 'response': {
        const pending = this.#pending.get(message.value.id);
        if (!pending) return;
        this.#pending.delete(message.value.id);
        clearTimeout(pending.timer);
        pending.resolve(message.value);
        return;
      }
      case 'openStream':
        onOpenStream(message.value, client);
    }
  }

  #disconnect(call: ClientDuplexStream<FromAgent, FromServer>, reason: string): void {
    if (this.#call !== call) return;
    this.#call = undefined;
    this.#connected = false;
    for (const { reject, timer } of this.#pending.values()) {
      clearTimeout(timer);
      reject(serviceUnavailable(`the server is away: ${reason}`));
    }
    this.#pending.clear();
    for (const listener of [...this.#listeners]) listener(false);
  }
}
