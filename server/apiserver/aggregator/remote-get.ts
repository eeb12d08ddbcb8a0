import { request as httpRequest, type IncomingMessage } from 'node:http';
import { type Connect, overConnection } from '#server/apiserver/proxy/forward.ts';

/** More than any discovery document. */
const MAX_BYTES = 8 * 1024 * 1024;

export interface RemoteGet {
  readonly path: string;
  readonly headers: Record<string, string | string[]>;
  readonly timeoutMs: number;
}

/** A GET of a JSON document, status included. Rejects where there is no whole answer in time. */
export async function remoteGet(
  connectTo: Connect,
  { path, headers, timeoutMs }: RemoteGet,
): Promise<{ readonly code: number; readonly value: unknown }> {
  const signal = AbortSignal.timeout(timeoutMs);
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const sent = httpRequest({ ...overConnection(connectTo), path, headers, signal });
    sent.once('response', resolve);
    sent.once('error', (err) => reject(signal.aborted ? new Error('context deadline exceeded') : err));
    sent.end();
  });
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of response as AsyncIterable<Uint8Array>) {
    size += part.length;
    if (size > MAX_BYTES) throw new Error(`the answer is larger than ${MAX_BYTES} bytes`);
    parts.push(part);
  }
  const text = Buffer.concat(parts).toString();
  return { code: response.statusCode ?? 0, value: parsed(text) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
