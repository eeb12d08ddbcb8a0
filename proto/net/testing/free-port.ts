import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/**
 * A port for a program that can't say which one it got. Not one that the kernel would give out: those go to whoever connects or
 * listens next, before the program is there. Below them, and below node ports, a port stays free unless somebody wants just that one.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_000, 30_000);
    if (await isFree(port)) return port;
  }
}

/** At all addresses, for whoever has the port at one of them would be in the way of who listens at all. */
function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, () => server.close(() => resolve(true)));
  });
}
