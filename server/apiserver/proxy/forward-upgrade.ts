import { request as httpRequest, type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { internalError, type StatusError, serviceUnavailable } from '#proto/meta/status-error.ts';
import { overConnection } from '#server/apiserver/proxy/forward.ts';
import type { Proxied } from '#server/apiserver/proxy/proxy.ts';

/** Each direction listens a few times on both ends: no leak that needs a warning. */
const MAX_LISTENERS = 30;

/**
 * An upgrade, sent on. The two connections are joined only after the backend has agreed to it; otherwise its answer ends the
 * client's connection, for whatever the client would write next is a request that nobody has authorized. Rejects, before
 * anything was written to the client, with a StatusError.
 */
export async function forwardUpgrade(
  { connect, forwarded }: Pick<Proxied, 'connect' | 'forwarded'>,
  incoming: IncomingMessage,
  socket: Duplex,
  head: Uint8Array,
): Promise<void> {
  const { upgrade = '' } = incoming.headers;
  const sent = httpRequest({
    ...overConnection(connect),
    ...forwarded,
    headers: { ...forwarded.headers, connection: 'Upgrade', upgrade },
  });
  const gone = (): void => void sent.destroy(new Error('the client went away'));
  socket.once('close', gone);
  try {
    const answer = await new Promise<{
      response: IncomingMessage;
      joined?: { backend: Duplex; head: Buffer };
    }>((resolve, reject) => {
      sent.once('error', (err) => reject(serviceUnavailable(`error dialing backend: ${err.message}`)));
      sent.once('response', (response) => resolve({ response }));
      sent.once('upgrade', (response, backend, first) =>
        resolve({ response, joined: { backend, head: first } }),
      );
      sent.end();
    });
    const { response, joined } = answer;
    const code = response.statusCode ?? 502;
    if (!joined) {
      if (code < 400) {
        response.destroy();
        throw internalError(new Error(`invalid upgrade response: status code ${code}`));
      }
      socket.write(headOf(response, true));
      await pipeline(response, socket).catch(() => socket.destroy());
      return;
    }
    socket.off('close', gone);
    const { backend } = joined;
    socket.write(Buffer.concat([Buffer.from(headOf(response, false)), joined.head]));
    if (head.length > 0) backend.write(head);
    for (const end of [socket, backend]) end.setMaxListeners(MAX_LISTENERS);
    await Promise.allSettled([pipeline(socket, backend), pipeline(backend, socket)]);
  } finally {
    socket.off('close', gone);
  }
}

/** The backend's status line and headers, in its own words. `isLast`: nothing comes after this answer. */
function headOf({ statusCode = 502, statusMessage, rawHeaders }: IncomingMessage, isLast: boolean): string {
  let text = `HTTP/1.1 ${statusCode} ${statusMessage || (STATUS_CODES[statusCode] ?? '')}\r\n`;
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? '';
    if (isLast && /^(connection|transfer-encoding|keep-alive)$/i.test(name)) continue;
    text += `${name}: ${rawHeaders[i + 1]}\r\n`;
  }
  return `${text}${isLast ? 'connection: close\r\n' : ''}\r\n`;
}

/** An ordinary HTTP answer on a socket that has left its parser. */
export function refuse(socket: Duplex, status: StatusError): void {
  if (socket.destroyed || !socket.writable) return void socket.destroy();
  const body = JSON.stringify(status.toStatus());
  socket.end(
    `HTTP/1.1 ${status.code} ${STATUS_CODES[status.code] ?? 'Error'}\r\n` +
      `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}
