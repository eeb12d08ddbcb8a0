/** What every broker of the cluster's own must do, whichever program it is: run with real clients over TLS. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mqtt, { type IClientOptions, type IPublishPacket, type MqttClient } from 'mqtt';
import mqttPacket from 'mqtt-packet';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { systemClock } from '#proto/meta/clock.ts';
import { createLogger } from '#proto/meta/log.ts';
import { freePort } from '#proto/net/testing/free-port.ts';
import { issueCertificate } from '#proto/pki/certificate.ts';
import { generateKey, keyToPem, spkiOf } from '#proto/pki/key.ts';
import { toPem } from '#proto/pki/pem.ts';
import { NOT_BEFORE_MS, openPki, type Pki } from '#server/pki/pki.ts';
import { type BrokerAccess, boardUser, type MqttAccess, SERVER_USER } from '../access.plan.ts';
import type { Broker, BrokerOptions } from '../broker.ts';
import { hashPassword } from '../mosquitto-password.ts';

const user = (name: string, access: MqttAccess) => ({
  name,
  access,
  passwordHash: hashPassword(`of ${name}`),
});
const ACCESS: BrokerAccess = {
  nodeNames: ['pi-1', 'pi-2'],
  users: [user('reader', 'read-only'), user('writer', 'read-write')],
};
const LONG_MS = 60_000;

export function brokerCase(create: (options: BrokerOptions, directory: string) => Broker): void {
  const stop = new AbortController();
  const open: MqttClient[] = [];
  let root = '';
  let pki: Pki;
  let ports: readonly number[] = [];
  let broker: Broker;
  let running: Promise<void>;

  const connect = (options: IClientOptions): Promise<MqttClient> =>
    new Promise((resolve, reject) => {
      const client = mqtt.connect({ host: '127.0.0.1', protocolVersion: 5, reconnectPeriod: 0, ...options });
      open.push(client);
      client.once('connect', () => resolve(client));
      client.on('error', reject);
      client.once('close', () => reject(new Error('refused')));
    });
  const asCertificate = (commonName: string, options: IClientOptions = {}): Promise<MqttClient> => {
    const key = generateKey();
    const cert = issueCertificate(pki.ca.issuer, {
      subject: { commonName },
      spki: spkiOf(key),
      notBeforeMs: NOT_BEFORE_MS,
      notAfterMs: Date.now() + 3_600_000,
      usages: ['client'],
    });
    const tls = {
      ca: pki.ca.cert,
      cert: toPem('CERTIFICATE', cert),
      key: keyToPem(key),
      servername: 'kubernetes',
    };
    return connect({ protocol: 'mqtts', port: ports[0] ?? 0, ...tls, ...options });
  };
  const asBoard = (name: string, options?: IClientOptions) => asCertificate(boardUser(name), options);
  const asUser = (name: string, options: IClientOptions = {}): Promise<MqttClient> =>
    connect({
      ...{ protocol: 'mqtts', port: ports[1] ?? 0, ca: pki.ca.cert, servername: 'kubernetes' },
      ...{ username: name, password: `of ${name}`, ...options },
    });
  /** What a user hears of a topic, as `topic payload`; resolves when the subscription is there. */
  const listen = async (name: string, filter: string) => {
    const heard: string[] = [];
    const client = await asUser(name);
    client.on('message', (topic: string, payload: Buffer) => heard.push(`${topic} ${payload}`));
    await client.subscribeAsync(filter, { qos: 1 });
    return heard;
  };
  const say = (client: MqttClient, topic: string, payload: string, more: object = {}): Promise<string> =>
    client.publishAsync(topic, payload, { qos: 1, ...more }).then(
      () => 'taken',
      () => 'refused',
    );

  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), 'coracle-broker-case-'));
    chmodSync(root, 0o755);
    pki = openPki(join(root, 'pki'), {
      ...{ clusterDomain: 'cluster.local', serviceIp: '10.43.0.1', advertiseAddress: '127.0.0.1' },
      ...{ tlsSans: [], nodeName: 'server', now: Date.now },
    });
    ports = [await freePort(), await freePort(), await freePort()];
    const at = (index: number) => ({ host: '127.0.0.1', port: ports[index] ?? 0 });
    broker = create(
      {
        ...{ boards: at(0), people: at(1), localPort: ports[2] ?? 0, ca: pki.ca.cert, ...pki.serving },
        ...{ clock: systemClock, random: () => 0, log: createLogger('error') },
      },
      join(root, 'run'),
    );
    broker.admit(ACCESS);
    running = broker.run(stop.signal);
  }, LONG_MS);
  // Also after a test that lets others in.
  beforeEach(async () => {
    broker.admit(ACCESS);
    await until(async () => (await asUser('reader').catch(() => undefined)) !== undefined, LONG_MS);
  }, LONG_MS);
  afterAll(async () => {
    for (const client of open) client.end(true);
    stop.abort();
    await running;
    rmSync(root, { recursive: true, force: true });
  });

  it('lets each board write its own and nobody else write for it', async () => {
    const heard = await listen('reader', 'coracle/v1/#');
    const [one, two, writer] = await Promise.all([asBoard('pi-1'), asBoard('pi-2'), asUser('writer')]);
    expect(await say(one, 'coracle/v1/nodes/pi-1/x', '1')).toBe('taken');
    expect(await say(two, 'coracle/v1/nodes/pi-1/x', 'forged')).toBe('refused');
    expect(await say(two, 'coracle/v1/cluster/x', 'forged')).toBe('refused');
    expect(await say(writer, 'coracle/v1/nodes/pi-1/x', 'forged')).toBe('refused');
    expect(await say(two, 'coracle/v1/nodes/pi-2/x', '2')).toBe('taken');
    await until(() => heard.includes('coracle/v1/nodes/pi-2/x 2'));
    expect(heard).toEqual(['coracle/v1/nodes/pi-1/x 1', 'coracle/v1/nodes/pi-2/x 2']);
  });

  it('lets a read-write user command in its own name, and a read-only user not', async () => {
    const heard = await listen('reader', 'coracle/v1/cmd/#');
    const [reader, writer] = await Promise.all([asUser('reader'), asUser('writer')]);
    for (const name of ['reader', 'writer'])
      expect(await say(reader, `coracle/v1/cmd/${name}/nodes/pi-1/cordon`, 'ON')).toBe('refused');
    expect(await say(writer, 'coracle/v1/cmd/reader/nodes/pi-1/cordon', 'ON')).toBe('refused');
    expect(await say(writer, 'coracle/v1/cmd/writer/nodes/pi-1/cordon', 'ON')).toBe('taken');
    await until(() => heard.length > 0);
    expect(heard).toEqual(['coracle/v1/cmd/writer/nodes/pi-1/cordon ON']);
  });

  it('shows boards nothing', async () => {
    const board = await asBoard('pi-1');
    const heard: string[] = [];
    board.on('message', (topic: string) => heard.push(topic));
    await board.subscribeAsync('#', { qos: 1 }).catch(() => {});
    const server = await asCertificate(SERVER_USER);
    expect(await say(server, 'coracle/v1/cluster/x', '1')).toBe('taken');
    expect(await say(board, 'coracle/v1/nodes/pi-1/x', '1')).toBe('taken');
    expect(heard).toEqual([]);
  });

  it('refuses who is not known', async () => {
    await expect(asUser('reader', { password: 'wrong' })).rejects.toThrow();
    await expect(asUser('nobody')).rejects.toThrow();
    await expect(asUser('reader', { port: ports[0] ?? 0 })).rejects.toThrow();
    await expect(asUser('', { username: '', password: '' })).rejects.toThrow();
    await expect(connect({ protocol: 'mqtt', port: ports[2] ?? 0 })).rejects.toThrow();
    const local = await connect({
      ...{ protocol: 'mqtt', port: ports[2] ?? 0, username: 'reader', password: 'of reader' },
    });
    expect(local.connected).toBe(true);
  });

  it('keeps a value for who comes later, and forgets it when it expires', async () => {
    const board = await asBoard('pi-1');
    const topic = 'coracle/v1/nodes/pi-1/state';
    await say(board, topic, 'kept', { retain: true, properties: { messageExpiryInterval: 60 } });
    await say(board, topic.replace('state', 'short'), 'gone', {
      ...{ retain: true, properties: { messageExpiryInterval: 1 } },
    });
    await systemClock.sleep(2_100);
    const heard = await listen('reader', 'coracle/v1/nodes/pi-1/+');
    await until(() => heard.length > 0);
    expect(heard).toEqual([`${topic} kept`]);
    // Nobody after this is told.
    await say(board, topic, '', { retain: true });
  });

  it.each([
    ['at once', {}, {}],
    ['after a while', { willDelayInterval: 1 }, { sessionExpiryInterval: 5 }],
  ])('says the last will of a board that breaks off, %s', async (_, ofWill, ofSession) => {
    const topic = 'coracle/v1/nodes/pi-2/availability';
    const reader = await asUser('reader');
    const heard: IPublishPacket[] = [];
    reader.on('message', (_topic, _payload, packet) => heard.push(packet));
    await reader.subscribeAsync(topic, { qos: 1 });
    const board = await asBoard('pi-2', {
      ...{ clientId: 'the board', clean: true, properties: ofSession },
      will: { topic, payload: Buffer.from('offline'), qos: 1, properties: ofWill },
    });
    board.stream.destroy();
    await until(() => heard.length > 0);
    expect(heard[0]?.payload.toString()).toBe('offline');
    // In a publication it is a protocol error.
    expect(heard[0]?.properties ?? {}).not.toHaveProperty('willDelayInterval');
  });

  it(
    'goes on for everybody else while one subscriber takes nothing, and malformed packets come in',
    async () => {
      const heard = await listen('reader', 'coracle/v1/nodes/+/flood');
      const frozen = await freeze(ports[2] ?? 0);
      const noise = await Promise.all(Array.from({ length: 50 }, () => garbage(ports[2] ?? 0)));
      const board = await asBoard('pi-1');
      const payload = 'x'.repeat(4_000);
      for (let i = 0; i < 1_000; i += 50) {
        const numbers = Array.from({ length: 50 }, (_, more) => i + more);
        await Promise.all(numbers.map((n) => say(board, 'coracle/v1/nodes/pi-1/flood', `${n} ${payload}`)));
      }
      await until(() => heard.length >= 1_000, LONG_MS);
      expect(heard.map((line) => Number(line.split(' ')[1]))).toEqual(
        Array.from({ length: 1_000 }, (_, i) => i),
      );
      for (const socket of [frozen, ...noise]) socket.destroy();
      expect(await say(board, 'coracle/v1/nodes/pi-1/x', 'still here')).toBe('taken');
    },
    LONG_MS,
  );

  it('lets come, changes and sends away while it runs', async () => {
    const [reader, board] = await Promise.all([asUser('reader'), asBoard('pi-2')]);
    const gone = (client: MqttClient) => until(() => !client.connected);
    broker.admit({
      nodeNames: ['pi-1', 'pi-3'],
      users: [user('writer', 'read-write'), user('new', 'read-only')],
    });
    await until(async () => (await asUser('new').catch(() => undefined)) !== undefined);
    const third = await asBoard('pi-3');
    expect(await say(third, 'coracle/v1/nodes/pi-3/x', '1')).toBe('taken');
    await gone(reader);
    await expect(asUser('reader')).rejects.toThrow();
    // Who is known by its certificate may stay, and say nothing.
    if (board.connected) expect(await say(board, 'coracle/v1/nodes/pi-2/x', '1')).toBe('refused');
  });

  it(
    'is there again after it was ended',
    async () => {
      const client = await asUser('writer');
      broker.restart('the test wants it');
      await until(() => !client.connected);
      await until(async () => (await asUser('writer').catch(() => undefined)) !== undefined, LONG_MS);
    },
    LONG_MS,
  );

  /** Subscribes to everything and reads no more. */
  const freeze = (port: number): Promise<import('node:net').Socket> =>
    new Promise((resolve, reject) => {
      const socket = createConnection({ host: '127.0.0.1', port });
      const send = (packet: mqttPacket.Packet): void =>
        void socket.write(mqttPacket.generate(packet, { protocolVersion: 5 }));
      socket.once('error', reject);
      socket.once('data', () => {
        send({
          cmd: 'subscribe',
          messageId: 1,
          subscriptions: [{ topic: '#', qos: 0 }],
        } as mqttPacket.Packet);
        socket.pause();
        setTimeout(() => resolve(socket), 200);
      });
      send({
        ...{ cmd: 'connect', protocolId: 'MQTT', protocolVersion: 5, clientId: 'frozen', keepalive: 0 },
        ...{ clean: true, username: 'writer', password: Buffer.from('of writer') },
      } as mqttPacket.Packet);
    });
}

/** Bytes that are no MQTT, or no more of it than a beginning. */
async function garbage(port: number): Promise<import('node:net').Socket> {
  const socket = createConnection({ host: '127.0.0.1', port });
  socket.on('error', () => {});
  const bytes = Array.from({ length: 64 }, (_, i) => (i * 7919 + socket.writableLength) & 0xff);
  await new Promise<void>((resolve) => socket.write(Buffer.from(bytes), () => resolve()));
  return socket;
}

async function until(check: () => boolean | Promise<boolean>, timeoutMs = 30_000): Promise<void> {
  const end = Date.now() + timeoutMs;
  while (!(await check())) {
    if (Date.now() > end) throw new Error('it does not happen');
    await systemClock.sleep(20);
  }
}
