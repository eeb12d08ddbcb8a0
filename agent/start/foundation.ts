import { join } from 'node:path';
import type { HostPort } from '#proto/config/options.ts';
import { SystemClock } from '#proto/meta/clock.ts';
import type { Logger } from '#proto/meta/log.ts';
import { bareHost } from '#proto/net/host-port.ts';
import { BoardTime } from '#proto/time/board-time.ts';
import { readHardware } from '../link/hardware.ts';
import { ServerFinder } from '../link/server-finder.ts';
import type { AgentOptions } from '../options.ts';

/** What all else stands on: what the owner wants, the time, the board, and where its server may be. */
export interface Foundation {
  readonly options: AgentOptions;
  readonly log: Logger;
  readonly clock: SystemClock;
  readonly time: BoardTime;
  /** The agent's own folder of the data directory. */
  readonly own: string;
  readonly servers: ServerFinder;
  readonly hardware: string;
}

export async function openFoundation(options: AgentOptions, log: Logger): Promise<Foundation> {
  const clock = new SystemClock();
  const own = join(options.dataDir, 'agent');
  const time = new BoardTime({ path: join(own, 'clock'), maySet: options.setClock === 'on', clock, log });
  await time.start();
  const servers = new ServerFinder({
    fixed: linkOf(options),
    path: join(own, 'server.json'),
    discover: async () => (await import('../link/discover.ts')).discoverServers(),
    log,
  });
  return { options, log, clock, time, own, servers, hardware: await readHardware(options.hardwareId) };
}

/** Boards connect on the port after that of the API, unless told otherwise; undefined: the network is asked. */
function linkOf(options: AgentOptions): HostPort | undefined {
  if (options.serverLink) return options.serverLink;
  if (!options.server) return undefined;
  const { hostname, port } = new URL(options.server);
  return { host: bareHost(hostname), port: Number(port || '443') + 1 };
}
