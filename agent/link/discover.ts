/** Asks the network segments of this board for servers (multicast DNS). Loaded only where no server is named. */
import { randomInt } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { discoveryQuery, MDNS_ADDRESS, MDNS_PORT, parseMdns } from '#proto/dns/mdns.plan.ts';
import { isOn, lanSegments, type Segment } from '#proto/net/interfaces.ts';
import { type FoundServer, serversIn } from './discovery.plan.ts';

const WAIT_MS = 3_000;
/** After the first answer: others of the same network come at once. */
const MORE_MS = 500;
const REPEAT_MS = 1_000;
const MAX_FOUND = 16;

/** Those that answer, in the order in which they do; none after three seconds of silence. */
export function discoverServers(): Promise<FoundServer[]> {
  const found = new Map<string, FoundServer>();
  const sockets: Socket[] = [];
  return new Promise((resolve) => {
    const end = (): void => {
      clearInterval(repeat);
      clearTimeout(timer);
      for (const socket of sockets) socket.close();
      resolve([...found.values()]);
    };
    let timer = setTimeout(end, WAIT_MS);
    const hear = (segment: Segment, bytes: Uint8Array, from: string): void => {
      const message = isOn(segment, from) ? parseMdns(bytes) : undefined;
      for (const server of message ? serversIn(message, from) : []) {
        if (found.size === 0) {
          clearTimeout(timer);
          timer = setTimeout(end, MORE_MS);
        }
        if (found.size < MAX_FOUND) found.set(`${server.link.host}:${server.link.port}`, server);
      }
    };
    const ask = (): void => {
      for (const socket of sockets)
        try {
          socket.send(discoveryQuery(randomInt(65_536)), MDNS_PORT, MDNS_ADDRESS, () => {});
        } catch {
          // Not bound yet, or its interface has gone.
        }
    };
    const repeat = setInterval(ask, REPEAT_MS);
    for (const segment of lanSegments()) {
      const socket = createSocket({ type: 'udp4' });
      sockets.push(socket);
      socket.on('error', () => {});
      socket.on('message', (bytes, from) => hear(segment, bytes, from.address));
      socket.bind({ port: 0, address: segment.address }, () => {
        socket.setMulticastInterface(segment.address);
        socket.setMulticastTTL(255);
        ask();
      });
    }
  });
}
