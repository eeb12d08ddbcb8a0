import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import * as grpc from '@grpc/grpc-js';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { RuntimeServiceService } from '#proto/containerd/generated/cri.ts';
import { Connection } from './connection.ts';
import { ContainerdRuntime } from './driver.ts';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cri-'));
  path = join(folder, 's');
});
afterEach(() => rm(folder, { recursive: true }));

/** A runtime that answers one call, in a version, or with an error. */
async function serve(answer: string | Partial<grpc.ServiceError>): Promise<grpc.Server> {
  const server = new grpc.Server();
  const { version } = RuntimeServiceService;
  server.addService({ version } as grpc.ServiceDefinition, {
    version: (_call: unknown, callback: grpc.sendUnaryData<unknown>) => {
      if (typeof answer !== 'string') callback(answer);
      else
        callback(null, {
          version: 'v1',
          runtimeName: 'test',
          runtimeVersion: answer,
          runtimeApiVersion: 'v1',
        });
    },
  });
  await promisify(server.bindAsync.bind(server))(`unix://${path}`, grpc.ServerCredentials.createInsecure());
  return server;
}

const version = (connection: Connection, timeoutMs: number) =>
  connection.call(RuntimeServiceService.version, { version: 'v1' }, timeoutMs);

it('says unavailable while no runtime is there, and finds it with the first call when it comes', async () => {
  using runtime = new ContainerdRuntime(path);
  for (let i = 0; i < 5; i++) await expect(runtime.version()).rejects.toMatchObject({ kind: 'unavailable' });
  const server = await serve('1.2.3');
  // A channel that was kept would refuse without a try: it still backs off.
  expect(await runtime.version()).toEqual({ name: 'test', version: '1.2.3' });
  server.forceShutdown();
});

it('does not stay with a peer that accepts and says nothing', async () => {
  const sockets: Socket[] = [];
  const silent = createServer((socket) => sockets.push(socket)).listen(path);
  const connection = new Connection(path);
  await expect(version(connection, 200)).rejects.toMatchObject({ kind: 'timeout' });
  // Its socket goes from the folder; the connection that says nothing stays open.
  silent.close();
  const server = await serve('1.2.3');
  expect((await version(connection, 15_000)).runtimeVersion).toBe('1.2.3');
  connection.close();
  server.forceShutdown();
  for (const socket of sockets) socket.destroy();
});

it.each([
  [grpc.status.NOT_FOUND, 'not-found', 'rpc error: code = NotFound desc = why'],
  [grpc.status.ALREADY_EXISTS, 'already-exists', 'rpc error: code = AlreadyExists desc = why'],
  [grpc.status.UNKNOWN, 'other', 'rpc error: code = Unknown desc = why'],
])('maps code %d to %s', async (code, kind, message) => {
  const server = await serve({ code, details: 'why' });
  using runtime = new ContainerdRuntime(path);
  await expect(runtime.version()).rejects.toMatchObject({ kind, message });
  server.forceShutdown();
});
