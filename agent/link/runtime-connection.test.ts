import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { afterEach, expect, it } from 'vitest';
import { joinRuntime, RuntimeConnection } from './runtime-connection.ts';

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

/** A client that says this at once, and what it has been told. */
function aClient(...says: string[]) {
  const heard: Buffer[] = [];
  const client = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      heard.push(chunk);
      done();
    },
  });
  for (const words of says) client.push(words);
  return { client, heard: () => Buffer.concat(heard).toString() };
}

/** Connected, and not reading yet. */
async function aConnection(): Promise<{ connection: RuntimeConnection; runtime: Socket }> {
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  stops.push(() => server.close());
  await once(server, 'listening');
  const connection = new RuntimeConnection();
  connection.pause();
  connection.connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [[runtime]] = (await Promise.all([once(server, 'connection'), once(connection, 'connect')])) as [
    [Socket],
    unknown,
  ];
  return { connection, runtime };
}

it.each(['breaks off', 'hangs up'])('loses nothing that the runtime says before it %s', async (how) => {
  const { connection, runtime } = await aConnection();
  await new Promise<void>((resolve) => runtime.write('last words', () => resolve()));
  if (how === 'breaks off') runtime.resetAndDestroy();
  else runtime.destroy();
  await once(runtime, 'close');
  const { client, heard } = aClient('one', 'two', 'three');
  const joined = joinRuntime(client, connection);
  await once(client, 'finish');
  expect(heard()).toBe('last words');
  client.push(null);
  await joined;
  expect(connection.destroyed).toBe(true);
});

it('hands on the end of either side', async () => {
  const { connection, runtime } = await aConnection();
  const { client, heard } = aClient('question');
  const joined = joinRuntime(client, connection);
  client.push(null);
  const asked: Buffer[] = [];
  await once(
    runtime.on('data', (part: Buffer) => asked.push(part)),
    'end',
  );
  expect(String(asked)).toBe('question');
  runtime.end('answer');
  await joined;
  expect(heard()).toBe('answer');
});

it('ends with a client that has gone meanwhile', async () => {
  const { connection } = await aConnection();
  const { client } = aClient();
  await once(client.destroy(), 'close');
  await joinRuntime(client, connection);
  expect(connection.destroyed).toBe(true);
});
