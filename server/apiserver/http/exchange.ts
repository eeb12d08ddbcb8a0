import type { UserInfo } from '#server/apiserver/authn/authenticator.ts';

/** One API request, wherever it came from: a TLS connection or a board's session. */
export interface ApiRequest {
  readonly method: string;
  /** Decoded path without query. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Lower-case names. */
  header(name: string): string | undefined;
  /** The whole body; rejects with 413 when it is larger than the API takes. */
  body(): Promise<Uint8Array>;
  readonly user: UserInfo;
}

/** Takes the frames of a watch. A reader that does not keep up is cut; nothing is awaited. */
export interface FrameSink {
  write(frame: Uint8Array): void;
  end(): void;
}

interface Head {
  readonly code: number;
  readonly contentType: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** For `Warning` headers. */
  readonly warnings?: readonly string[];
}

export interface BytesAnswer extends Head {
  readonly kind: 'bytes';
  readonly body: Uint8Array;
}

/** A body in pieces that lie about anyway: a long list is never in memory a second time. */
export interface PartsAnswer extends Head {
  readonly kind: 'parts';
  readonly parts: readonly Uint8Array[];
}

/** A watch: `start` delivers to the sink until the function that it returns is called. */
export interface WatchAnswer extends Head {
  readonly kind: 'watch';
  start(sink: FrameSink): () => void;
}

/** Bytes as they come, with back-pressure: logs. */
export interface ChunksAnswer extends Head {
  readonly kind: 'chunks';
  readonly chunks: AsyncIterable<Uint8Array>;
}

export type Answer = BytesAnswer | PartsAnswer | WatchAnswer | ChunksAnswer;

const encoder = new TextEncoder();

export const JSON_TYPE = 'application/json';

export const jsonAnswer = (code: number, value: unknown, contentType = JSON_TYPE): BytesAnswer => ({
  kind: 'bytes',
  code,
  contentType,
  body: encoder.encode(JSON.stringify(value)),
});

export const textAnswer = (code: number, text: string): BytesAnswer => ({
  kind: 'bytes',
  code,
  contentType: 'text/plain; charset=utf-8',
  headers: { 'x-content-type-options': 'nosniff' },
  body: encoder.encode(text),
});
