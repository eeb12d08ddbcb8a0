import type { Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { asBytes } from '#proto/agent/byte-stream.ts';
import type { LinkClient, OpenStream } from '#proto/agent/generated/link.ts';
import type { Logger } from '#proto/meta/log.ts';
import { dialTcp } from '#proto/net/dial.ts';

/**
 * A TCP connection of this board on the server's behalf: to a Pod's webhook, to what a proxied request asks for. The
 * stream opens when the connection stands; where it does not come about, the one message says why. Never rejects.
 */
export async function serveDial(request: OpenStream, client: LinkClient, log: Logger): Promise<void> {
  const { streamId } = request;
  const query = new URLSearchParams(request.query);
  const host = query.get('host') ?? '';
  const port = Number(query.get('port'));
  let socket: Socket;
  try {
    socket = await dialTcp(host, port);
  } catch (err) {
    const call = client.stream();
    call.on('error', (failure) => log.debug('a refusal was not told', { host, port, err: failure }));
    call.resume();
    call.write({ streamId, data: new Uint8Array(), end: true, error: (err as Error).message });
    call.end();
    return;
  }
  const call = client.stream();
  const bytes = asBytes(call);
  bytes.on('error', (err) => log.debug('a dialled stream broke', { host, port, err }));
  call.write({ streamId, data: new Uint8Array(), end: false, error: '' });
  await Promise.allSettled([pipeline(bytes, socket), pipeline(socket, bytes)]);
}
