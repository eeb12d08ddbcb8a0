/**
 * The embedded broker: a program of its own, so that it can crash, stall or run out of memory and nothing else notices. It
 * knows what the server tells it over the pipe between them, keeps nothing on disk, and ends when the server does.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { Aedes, type Client } from 'aedes';
import mqttPacket from 'mqtt-packet';
import type { HostPort } from '#proto/config/options.ts';
import { MessageBus } from './bus.ts';
import { Gate } from './gate.ts';
import type { BrokerMessage, Configure } from './messages.ts';
import { Sessions } from './sessions.ts';

/** As mosquitto's: see mosquitto.plan.ts. */
const MAX_PACKET_BYTES = 40_960;
const MAX_KEEPALIVE_S = 600;
const MAX_CONNECTIONS = 1_000;
const MAX_SESSION_S = 86_400;
/** A subscriber that takes nothing for so long is cut. */
const FROZEN_MS = 10_000;
const CONNECT_MS = 10_000;
const MAX_RESIDENT_BYTES = 256 * 1024 * 1024;
const CHECK_MS = 10_000;
const NOBODY = 65_534;

async function main({ boards, people, localPort, access, ...tls }: Configure, gate: Gate): Promise<void> {
  // A table of all two-byte numbers: 11 MB.
  mqttPacket.writeToStream.cacheNumbers = false;
  gate.admit(access);
  const names = new WeakMap<object, string>();
  const broker = await Aedes.createBroker({
    mq: new MessageBus(),
    persistence: new Sessions(),
    ...gate.handlers((client) => names.get(client.conn)),
    drainTimeout: FROZEN_MS,
    connectTimeout: CONNECT_MS,
    maximumPacketSize: MAX_PACKET_BYTES,
    keepaliveLimit: MAX_KEEPALIVE_S,
    sessionExpiryIntervalLimit: MAX_SESSION_S,
    pendingSessionsLimit: MAX_CONNECTIONS,
    maxTopicLevels: 32,
  });
  broker.on('clientDisconnect', (client: Client) => gate.leave(client));
  const options = { ...tls, minVersion: 'TLSv1.2', handshakeTimeout: CONNECT_MS } as const;
  const accept = (socket: Socket): void => {
    socket.setNoDelay(true);
    broker.handle(socket);
  };
  const forBoards = createTlsServer({ ...options, requestCert: true, rejectUnauthorized: true }, (socket) => {
    names.set(socket, commonNameOf(socket));
    accept(socket);
  });
  await Promise.all([
    listen(forBoards, boards),
    listen(createTlsServer(options, accept), people),
    ...(localPort === undefined
      ? []
      : [listen(createServer(accept), { host: '127.0.0.1', port: localPort })]),
  ]);
  dropPrivileges();
}

/** '' is nobody, and refused. */
function commonNameOf(socket: TLSSocket): string {
  const name = socket.getPeerCertificate().subject?.CN;
  return typeof name === 'string' ? name : '';
}

function listen(server: Server, { host, port }: HostPort): Promise<void> {
  server.maxConnections = MAX_CONNECTIONS;
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => resolve());
  });
}

/** All is open and loaded by now: nothing of root's is needed any more. */
function dropPrivileges(): void {
  if (process.getuid?.() !== 0) return;
  process.setgroups?.([]);
  process.setgid?.(NOBODY);
  process.setuid?.(NOBODY);
}

const gate = new Gate();
process.on('message', (message: BrokerMessage) => {
  if (message.kind === 'admit') gate.admit(message.access);
  else
    main(message, gate).catch((err: Error) => {
      process.stderr.write(`${err.message}\n`, () => process.exit(1));
    });
});
process.on('disconnect', () => process.exit(0));
setInterval(() => {
  if (process.memoryUsage.rss() < MAX_RESIDENT_BYTES) return;
  process.stderr.write('too much memory\n', () => process.exit(70));
}, CHECK_MS);
