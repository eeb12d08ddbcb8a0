/**
 * One connected board, from its Hello to the end of its call. Guarantees: changes go out in order and only as fast as the
 * board takes them; API calls run as `system:node:<name>` and nothing else; whatever waits on this session fails
 * when it ends.
 */
import type { Duplex } from 'node:stream';
import type { ServerDuplexStream } from '@grpc/grpc-js';
import type {
  ApiRequest,
  FromAgent,
  FromServer,
  Hello,
  Usage,
  Welcome,
} from '#proto/agent/generated/link.ts';
import type { Logger } from '#proto/meta/log.ts';
import { internalError, StatusError, serviceUnavailable } from '#proto/meta/status-error.ts';
import type { UserInfo } from '#server/apiserver/authn/authenticator.ts';
import type { Dispatch } from '#server/apiserver/http/dispatch.ts';
import { BoardFeed, type FeedSource } from './feed.ts';

/** What the server wants of a board: one reverse stream. */
export interface StreamRequest {
  readonly kind: 'exec' | 'attach' | 'portforward' | 'logs' | 'tcp' | 'http' | 'storage';
  readonly namespace: string;
  readonly pod: string;
  readonly uid: string;
  readonly container: string;
  /** The query of the client's request, without `?`; of `tcp` the address: `host=10.42.0.7&port=443`; of `storage` what is to be done. */
  readonly query: string;
  readonly method: string;
  readonly headers: readonly { readonly name: string; readonly value: string }[];
}

export interface SessionOptions {
  readonly call: ServerDuplexStream<FromAgent, FromServer>;
  readonly nodeName: string;
  readonly hello: Hello;
  readonly welcome: Welcome;
  readonly source: FeedSource;
  readonly dispatch: Dispatch;
  /** What the board and its containers use. */
  readonly onUsage: (usage: Usage) => void;
  readonly log: Logger;
}

/** API calls of one board that run side by side; more wait their turn. */
const MAX_CALLS = 16;
/** How long a board may take to open the stream it was asked for. */
const OPEN_STREAM_MS = 15_000;

interface Waiting {
  readonly resolve: (stream: Duplex) => void;
  readonly reject: (err: Error) => void;
  readonly timer: NodeJS.Timeout;
}

export class BoardSession {
  readonly nodeName: string;
  readonly hello: Hello;
  readonly #options: SessionOptions;
  readonly #user: UserInfo;
  readonly #streams = new Map<number, Waiting>();
  readonly #calls: ApiRequest[] = [];
  #running = 0;
  #streamId = 0;
  #sequence = 0;
  #acked = 0;
  #ended = false;
  #stopFeed: () => void = () => {};

  constructor(options: SessionOptions) {
    this.#options = options;
    this.nodeName = options.nodeName;
    this.hello = options.hello;
    this.#user = {
      name: `system:node:${options.nodeName}`,
      groups: ['system:nodes', 'system:authenticated'],
    };
  }

  /** Changes that the board has not yet written to its disk. */
  get unacknowledged(): number {
    return this.#sequence - this.#acked;
  }

  start(): void {
    const { call, welcome, source, hello } = this.#options;
    call.write({ message: { $case: 'welcome', value: welcome } });
    const feed = new BoardFeed({
      nodeName: this.nodeName,
      source,
      have: hello.have,
      send: async ({ kind, namespace, name, digest, object }) => {
        const bytes = object ? Buffer.from(JSON.stringify(object)) : new Uint8Array();
        this.#sequence++;
        const value = { kind, namespace, name, digest, object: bytes, sequence: this.#sequence };
        await this.#write({ message: { $case: 'change', value } });
      },
      synced: () => void this.#write({ message: { $case: 'synced', value: { sequence: this.#sequence } } }),
    });
    this.#stopFeed = feed.start();
  }

  /** One message of the board after its Hello. */
  receive(message: NonNullable<FromAgent['message']>): void {
    switch (message.$case) {
      case 'ack':
        this.#acked = message.value.sequence;
        return;
      case 'request':
        this.#calls.push(message.value);
        this.#next();
        return;
      case 'usage':
        this.#options.onUsage(message.value);
        return;
      case 'hello':
        this.end('a second hello');
    }
  }

  /** Asks the board to open a stream; rejects with a StatusError when it does not. */
  openStream(request: StreamRequest): Promise<Duplex> {
    if (this.#ended) return Promise.reject(away(this.nodeName));
    const streamId = ++this.#streamId;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#streams.delete(streamId);
        reject(
          new StatusError('Timeout', `node ${this.nodeName} did not open the ${request.kind} stream in time`),
        );
      }, OPEN_STREAM_MS);
      this.#streams.set(streamId, { resolve, reject, timer });
      const value = { ...request, streamId, headers: [...request.headers] };
      void this.#write({ message: { $case: 'openStream', value } });
    });
  }

  /** The stream that answers {@link openStream}; false where nobody waits for it (any more). */
  accept(streamId: number, stream: Duplex): boolean {
    const waiting = this.#takeWaiting(streamId);
    waiting?.resolve(stream);
    return waiting !== undefined;
  }

  /** The board could not open the stream: whoever waits for it hears why. */
  refuse(streamId: number, reason: string): void {
    this.#takeWaiting(streamId)?.reject(new Error(reason));
  }

  #takeWaiting(streamId: number): Waiting | undefined {
    const waiting = this.#streams.get(streamId);
    this.#streams.delete(streamId);
    clearTimeout(waiting?.timer);
    return waiting;
  }

  /** Idempotent. The board's agent reconnects by itself. */
  end(reason: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#stopFeed();
    for (const waiting of this.#streams.values()) {
      clearTimeout(waiting.timer);
      waiting.reject(away(this.nodeName));
    }
    this.#streams.clear();
    this.#calls.length = 0;
    this.#options.call.end();
    this.#options.log.info('board disconnected', { node: this.nodeName, reason });
  }

  #next(): void {
    while (this.#running < MAX_CALLS && !this.#ended) {
      const call = this.#calls.shift();
      if (!call) return;
      this.#running++;
      void this.#answer(call).finally(() => {
        this.#running--;
        this.#next();
      });
    }
  }

  async #answer({ id, method, path, contentType, body }: ApiRequest): Promise<void> {
    let code: number;
    let answer: Uint8Array;
    try {
      ({ code, body: answer } = await this.#options.dispatch({
        method,
        path,
        contentType,
        body,
        user: this.#user,
      }));
    } catch (err) {
      const status = err instanceof StatusError ? err : internalError(err);
      if (status !== err)
        this.#options.log.error('a call of a board failed', { node: this.nodeName, path, err });
      code = status.code;
      answer = Buffer.from(JSON.stringify(status.toStatus()));
    }
    await this.#write({ message: { $case: 'response', value: { id, code, body: answer } } });
  }

  #write(message: FromServer): Promise<void> {
    const { call } = this.#options;
    if (this.#ended || call.write(message)) return Promise.resolve();
    return new Promise((resolve) => {
      const go = (): void => {
        call.off('drain', go);
        call.off('close', go);
        resolve();
      };
      call.on('drain', go);
      call.on('close', go);
    });
  }
}

export const away = (nodeName: string): StatusError =>
  serviceUnavailable(`node "${nodeName}" is not connected: its agent is away or still on its way back`);
