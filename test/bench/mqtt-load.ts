/**
 * A worker: many boards that publish, one subscriber that reads all of it, and one that reads nothing. In a thread of its own, so that
 * whoever measures the API beside it is not held up.
 */
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { parentPort, workerData } from 'node:worker_threads';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import mqttPacket, { type Packet } from 'mqtt-packet';

export interface LoadData {
  readonly boards: readonly { readonly name: string; readonly cert: string; readonly key: string }[];
  readonly ca: string;
  readonly boardPort: number;
  readonly passwordPort: number;
  readonly users: { readonly healthy: string; readonly frozen: string };
  readonly everyMs: number;
}

/** What the worker is told. */
export type LoadOrder = 'publish' | 'pause' | 'end';

export interface LoadResult {
  readonly published: number;
  readonly received: number;
  readonly bytesEach: number;
  readonly frozen: {
    /** One for each time that publishing began. */
    readonly subscribers: number;
    /** More than a connection's buffers hold: what is beyond waits in the broker, or is dropped there. */
    readonly bytesOffered: number;
    /** Those that the broker had sent away by the end. */
    readonly cut: number;
  };
}

const { boards, ca, boardPort, passwordPort, users, everyMs } = workerData as LoadData;
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const common = {
  host: '127.0.0.1',
  ca,
  servername: 'kubernetes',
  protocolVersion: 5,
  reconnectPeriod: 0,
} as const;

function connect(options: IClientOptions): Promise<MqttClient> {
  const client = mqtt.connect({ protocol: 'mqtts', ...common, ...options });
  return new Promise((resolve, reject) => {
    client.once('connect', () => resolve(client));
    client.once('error', reject);
  });
}

/** Subscribes to everything and reads no more. */
function freeze(): Promise<TLSSocket> {
  const socket = connectTls({ host: '127.0.0.1', port: passwordPort, ca, servername: 'kubernetes' });
  const send = (packet: object) =>
    void socket.write(mqttPacket.generate(packet as Packet, { protocolVersion: 5 }));
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.once('secureConnect', () =>
      send({
        ...{
          cmd: 'connect',
          protocolId: 'MQTT',
          protocolVersion: 5,
          clientId: `frozen-${frozen.size}`,
          keepalive: 0,
          clean: true,
        },
        ...{ username: 'frozen', password: Buffer.from(users.frozen) },
      }),
    );
    socket.once('data', () => {
      send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: '#', qos: 0 }] });
      socket.pause();
      setTimeout(() => resolve(socket), 500);
    });
  });
}

const state = JSON.stringify({
  ...{ v: 1, node: 'bench-100', ts: '2026-11-20T12:00:00Z', seq: 100_000, cpu_pct: 12.3, mem_pct: 51.2 },
  ...{ disk_pct: 37.5, temp_c: 48.7, throttled: '0x50005', under_voltage: false, volts: 5.12 },
  ...{ rx_bytes_s: 123_456, tx_bytes_s: 123_456, boot: '2026-11-20T11:00:00Z', pods: 7 },
});

const healthy = await connect({ port: passwordPort, username: 'healthy', password: users.healthy });
const seen = new Set<string>();
healthy.on('message', (_topic: string, payload: Buffer) => seen.add(payload.toString()));
await healthy.subscribeAsync('coracle/v1/nodes/+/state', { qos: 0 });
const clients: MqttClient[] = [];
for (const { name, cert, key } of boards)
  clients.push(await connect({ port: boardPort, cert, key, clientId: name }));
/** Frozen subscribers, and which of them were cut. */
const frozen = new Map<TLSSocket, boolean>();
const filler = Buffer.alloc(30_000, 'x');
const FILLERS = 300;
/** One more who reads nothing, with so much to read that whoever waits for it waits for ever. */
async function freezeOne(): Promise<void> {
  const socket = await freeze();
  frozen.set(socket, false);
  socket.on('error', () => {});
  socket.on('close', () => frozen.set(socket, true));
  for (let i = 0; i < FILLERS; i++)
    await clients[0]?.publishAsync(`coracle/v1/nodes/${boards[0]?.name}/filler`, filler, { qos: 1 });
}

let order: LoadOrder = 'pause';
parentPort?.on('message', (given: LoadOrder) => {
  order = given;
  if (given === 'publish') void freezeOne();
});
parentPort?.postMessage('ready');

let published = 0;
await Promise.all(
  clients.map(async (client, index) => {
    await sleep((index / clients.length) * everyMs);
    for (let round = 0; order !== 'end'; round++) {
      if (order === 'publish') {
        const payload = `${state.slice(0, -1)},"id":"${index}/${round}"}`;
        const topic = `coracle/v1/nodes/${boards[index]?.name}/state`;
        await client.publishAsync(topic, payload, { qos: 0, retain: true });
        published++;
      }
      await sleep(everyMs);
    }
  }),
);
await sleep(1_000); // what is on its way arrives
// Who is paused hears of nothing, not even of its end.
for (const socket of frozen.keys()) socket.resume();
await sleep(2_000);
const result: LoadResult = {
  published,
  received: seen.size,
  bytesEach: state.length,
  frozen: {
    subscribers: frozen.size,
    bytesOffered: FILLERS * filler.length,
    cut: [...frozen.values()].filter(Boolean).length,
  },
};
parentPort?.postMessage(result);
parentPort?.close();
for (const client of [...clients, healthy]) client.end(true);
for (const socket of frozen.keys()) socket.destroy();
