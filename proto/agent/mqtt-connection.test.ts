import { createServer, type Server, type Socket } from 'node:net';
import mqttPacket, { type Packet } from 'mqtt-packet';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { systemClock } from '../meta/clock.ts';
import { createLogger } from '../meta/log.ts';
import { MqttConnection, type MqttEndpoint, type MqttOptions } from './mqtt-connection.ts';

/** As much of an MQTT 5 broker as one publisher needs; notes what it gets. */
class FakeBroker {
  readonly packets: Packet[] = [];
  readonly sockets = new Set<Socket>();
  /** Answered to publications of QoS 1. */
  reasonCode = 0;
  readonly #server: Server = createServer((socket) => this.#serve(socket));
  port = 0;

  listen(): Promise<void> {
    return new Promise((resolve) =>
      this.#server.listen(this.port, '127.0.0.1', () => {
        this.port = (this.#server.address() as { port: number }).port;
        resolve();
      }),
    );
  }

  close(): void {
    this.#server.close();
    for (const socket of this.sockets) socket.destroy();
  }

  /** `topic payload` of each publication. */
  get published(): string[] {
    return this.packets.flatMap((packet) =>
      packet.cmd === 'publish' ? [`${packet.topic} ${packet.payload}`] : [],
    );
  }

  /** To whoever is connected. */
  say(packet: Packet): void {
    for (const socket of this.sockets) socket.write(mqttPacket.generate(packet, { protocolVersion: 5 }));
  }

  #serve(socket: Socket): void {
    this.sockets.add(socket);
    const parser = mqttPacket.parser({ protocolVersion: 5 });
    const answer = (packet: Packet): void =>
      void socket.write(mqttPacket.generate(packet, { protocolVersion: 5 }));
    socket.on('error', () => {});
    socket.on('close', () => this.sockets.delete(socket));
    socket.on('data', (bytes) => parser.parse(bytes));
    parser.on('packet', (packet: Packet) => {
      this.packets.push(packet);
      if (packet.cmd === 'connect') answer({ cmd: 'connack', reasonCode: 0, sessionPresent: false });
      if (packet.cmd === 'publish' && packet.qos === 1 && packet.messageId !== undefined)
        answer({ cmd: 'puback', messageId: packet.messageId, reasonCode: this.reasonCode });
    });
  }
}

let broker = new FakeBroker();
let stop = new AbortController();
let running: Promise<void> | undefined;
beforeEach(async () => {
  broker = new FakeBroker();
  stop = new AbortController();
  running = undefined;
  await broker.listen();
});
afterEach(async () => {
  stop.abort();
  await running;
  broker.close();
});

function connect(endpoint?: () => MqttEndpoint | undefined, more: Partial<MqttOptions> = {}): MqttConnection {
  const connection = new MqttConnection({
    endpoint: endpoint ?? (() => ({ url: `mqtt://user:p%40ss@127.0.0.1:${broker.port}` })),
    clientId: 'coracle-pi',
    availabilityTopic: 'a',
    reconnectDelayMs: () => 10,
    clock: systemClock,
    log: createLogger('error'),
    ...more,
  });
  running = connection.run(stop.signal);
  return connection;
}

const message = (topic: string, payload: string) => ({ topic, payload, qos: 0, retain: true }) as const;

const until = (check: () => boolean): Promise<void> => expect.poll(check, { interval: 10 }).toBe(true);

it('connects with a delayed will, a session that outlives it, and the credentials of the URL', async () => {
  const connection = connect();
  await until(() => connection.connected);
  const [first] = broker.packets;
  expect(first).toMatchObject({
    cmd: 'connect',
    protocolVersion: 5,
    clientId: 'coracle-pi',
    clean: false,
    username: 'user',
    will: { topic: 'a', qos: 1, retain: true, properties: { willDelayInterval: 5 } },
  });
  if (first?.cmd !== 'connect') throw new Error('no connect');
  expect(first.password?.toString()).toBe('p@ss');
  expect(first.properties?.sessionExpiryInterval).toBeGreaterThanOrEqual(5);
  expect(broker.published[0]).toBe('a online');
});

it('keeps the newest value of each topic while the broker is away, and no more', async () => {
  let there = false;
  const connection = connect(() => (there ? { url: `mqtt://127.0.0.1:${broker.port}` } : undefined));
  for (let i = 0; i < 1_000; i++) connection.publish(message('s', String(i)));
  connection.publish(message('t', 'x'));
  there = true;
  connection.endpointChanged();
  await until(() => broker.published.length >= 3);
  expect(broker.published).toEqual(['a online', 's 999', 't x']);
});

it('says everything again to a broker that came back', async () => {
  const connection = connect();
  connection.publish(message('s', '1'));
  await until(() => broker.published.includes('s 1'));
  broker.packets.length = 0;
  for (const socket of broker.sockets) socket.destroy();
  await until(() => broker.published.includes('s 1'));
  expect(broker.published).toEqual(['a online', 's 1']);
});

it('tries again where it may not publish yet', async () => {
  broker.reasonCode = 0x87;
  const connection = connect();
  await until(() => broker.packets.filter(({ cmd }) => cmd === 'connect').length >= 2);
  expect(connection.connected).toBe(false);
  broker.reasonCode = 0;
  await until(() => connection.connected);
});

it('leaves no session where it may not publish', async () => {
  broker.reasonCode = 135;
  connect();
  await until(() => broker.packets.some(({ cmd }) => cmd === 'disconnect'));
  const left = broker.packets.find(({ cmd }) => cmd === 'disconnect');
  expect(left).toMatchObject({ properties: { sessionExpiryInterval: 0 } });
});

it('says offline before it leaves', async () => {
  const connection = connect();
  await until(() => connection.connected);
  stop.abort();
  await running;
  await until(() => broker.packets.at(-1)?.cmd === 'disconnect');
  expect(broker.published.at(-1)).toBe('a offline');
});

it('forgets a topic that was removed', async () => {
  const heard: string[] = [];
  const connection = connect(undefined, { onMessage: ({ topic }) => void heard.push(topic) });
  connection.publish(message('s', '1'));
  await until(() => broker.published.includes('s 1'));
  connection.remove('s');
  await until(() => broker.published.includes('s '));
  // What comes behind the acknowledgement: whoever has heard this has that.
  broker.say({ cmd: 'publish', topic: 'after', payload: '', qos: 0, dup: false, retain: false });
  await until(() => heard.length === 1);
  broker.packets.length = 0;
  connection.republish();
  connection.publish(message('t', '2'));
  await until(() => broker.published.includes('t 2'));
  expect(broker.published).toEqual(['t 2']);
});

it('carries expiry', async () => {
  const connection = connect();
  connection.publish({ ...message('s', '1'), expirySeconds: 90 });
  await until(() => broker.published.includes('s 1'));
  expect(broker.packets.find((packet) => packet.cmd === 'publish' && packet.topic === 's')).toMatchObject({
    retain: true,
    properties: { messageExpiryInterval: 90 },
  });
});

it('tells what a message was published with, and says once what is of no use later', async () => {
  const heard: unknown[] = [];
  const connection = connect(undefined, {
    subscribe: ['a/#'],
    subscribeAsPublished: ['cmd/#'],
    onMessage: (message) => void heard.push(message),
  });
  await until(() => broker.packets.some(({ cmd }) => cmd === 'subscribe'));
  const subscribed = broker.packets.find((packet) => packet.cmd === 'subscribe');
  expect(subscribed).toMatchObject({
    subscriptions: [
      { topic: 'a/#', qos: 1 },
      { topic: 'cmd/#', qos: 1, rap: true, nl: true },
    ],
  });
  const properties = { messageExpiryInterval: 30, correlationData: Buffer.from('a1') };
  broker.say({ cmd: 'publish', topic: 'cmd/x', payload: 'ON', qos: 0, dup: false, retain: true, properties });
  broker.say({ cmd: 'publish', topic: 'a/x', payload: '', qos: 0, dup: false, retain: false });
  await until(() => heard.length === 2);
  expect(heard).toEqual([
    { topic: 'cmd/x', payload: 'ON', retained: true, expirySeconds: 30, correlationData: 'a1' },
    { topic: 'a/x', payload: '', retained: false, expirySeconds: undefined, correlationData: undefined },
  ]);
  connection.tell({ ...message('once', '1'), retain: false });
  await until(() => broker.published.includes('once 1'));
  broker.packets.length = 0;
  const before = connection.awaySinceMs;
  for (const socket of broker.sockets) socket.destroy();
  await until(() => broker.published.includes('a online'));
  expect(connection.awaySinceMs).toBeGreaterThanOrEqual(before);
  expect(broker.published).toEqual(['a online']);
});
