/**
 * Connections to the runtime's streaming server. When a command has ended, the runtime hangs up without reading what the client
 * says last, which breaks the connection: for who writes to it, at once. What the runtime has said by then reaches the
 * client all the same; Node's own sockets throw away what is still to be read when a write fails.
 */
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** Ends by what it reads: a write that fails is no news. */
export class RuntimeConnection extends Socket {
  constructor() {
    super({ allowHalfOpen: true });
  }

  override _write(...[chunk, encoding, done]: Parameters<Socket['_write']>): void {
    super._write(chunk, encoding, () => done());
  }

  override _writev(...[chunks, done]: Parameters<NonNullable<Socket['_writev']>>): void {
    super._writev?.(chunks, () => done());
  }
}

/** Rejects where nobody listens. */
export function connectRuntime({ hostname, port }: URL): Promise<RuntimeConnection> {
  return new Promise((resolve, reject) => {
    const connection = new RuntimeConnection();
    connection.once('error', reject);
    connection.connect(Number(port), hostname, () => {
      connection.off('error', reject);
      resolve(connection);
    });
  });
}

/** Until the client has gone, or both have said all. The client's end of it has an error handler of its own. */
export function joinRuntime(client: Duplex, runtime: RuntimeConnection): Promise<void> {
  return new Promise((resolve) => {
    runtime.pipe(client);
    client.pipe(runtime);
    // After all that it has said: a client sees a runtime that broke off as one that has hung up.
    runtime.on('error', () => client.end());
    // Nobody takes what the client says any more; its end is still to be heard.
    runtime.on('close', () => client.resume());
    const end = (): void => {
      runtime.destroy();
      resolve();
    };
    client.on('close', end);
    if (client.closed) end();
  });
}
