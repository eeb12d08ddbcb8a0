import type { AuditTrail } from '#server/apiserver/audit/audit-trail.ts';
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
  /** What the audit log is told; absent where it does not want to know. */
  readonly trail?: AuditTrail | undefined;
  /** The request as it came, for those who send it on; absent for calls that did not come over HTTPS. */
  readonly wire?: Wire;
}

/** A request on its connection, not yet read. */
export interface Wire {
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** As the client wrote it, with `?`; `''` for none. */
  readonly search: string;
  /** The client's IP address. */
  readonly remoteAddress: string;
  /** Undefined for a request without a body. */
  readonly body: AsyncIterable<Uint8Array> | undefined;
  /** Calls the listener when the client is gone, until the function that it answers is called. */
  onGone(listener: () => void): () => void;
}

/** Takes the frames of a watch. A reader that does not keep up is cut; nothing is awaited. */
export interface FrameSink {
  write(frame: Uint8Array): void;
  end(): void;
}

interface Head {
  readonly code: number;
  /** `''` for an answer that does not say. */
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

/** Bytes as they come, with back-pressure: logs, and what is sent on. */
export interface ChunksAnswer extends Omit<Head, 'headers'> {
  readonly kind: 'chunks';
  /** Several values where a header comes more than once. */
  readonly headers?: Readonly<Record<string, string | string[]>>;
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** A request failed after its client was to be warned: of that, too, the answer tells. */
export class Warned extends Error {
  readonly warnings: readonly string[];

  constructor(cause: unknown, warnings: readonly string[]) {
    super('failed with warnings', { cause });
    this.name = 'Warned';
    this.warnings = warnings;
  }
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
