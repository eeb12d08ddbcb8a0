import type { Clock } from '#proto/meta/clock.ts';
import type { Logger } from '#proto/meta/log.ts';
import type { Run } from '../run.ts';
import { DnsServer } from './dns-server.ts';
import { Responder } from './responder.ts';
import { Upstream } from './upstream.ts';
import { buildZone, type Zone, type ZoneInput } from './zone.plan.ts';

export interface ClusterDnsOptions {
  /** Undefined while the board does not know its cluster. */
  readonly observe: () => ZoneInput | undefined;
  /** Where Pods ask: `10.43.0.10`. */
  readonly address: () => string | undefined;
  /** The board's own servers, for names of the world. */
  readonly upstreamServers: () => Promise<readonly string[]>;
  readonly run: Run;
  readonly clock: Clock;
  readonly log: Logger;
}

const RETRY_MS = 5_000;
const DNS_PORT = 53;

/** Cluster DNS of this board, from what the board itself holds: names resolve while the server is away. */
export class ClusterDns {
  readonly #options: ClusterDnsOptions;
  #zone: Zone | undefined;

  constructor(options: ClusterDnsOptions) {
    this.#options = options;
  }

  /** What {@link ClusterDnsOptions.observe} sees has changed; the zone is made anew when the next query comes. */
  changed(): void {
    this.#zone = undefined;
  }

  /** Until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log, address, run } = this.#options;
    let told = false;
    while (!signal.aborted) {
      const ip = address();
      if (ip) {
        try {
          const server = await this.#listen(ip, run);
          log.info('cluster DNS is served', { address: ip });
          await new Promise<void>((resolve) =>
            signal.addEventListener('abort', () => resolve(), { once: true }),
          );
          server.close();
          return;
        } catch (err) {
          if (!told) log.warn('cluster DNS can not be served yet', { address: ip, err });
          told = true;
        }
      }
      await clock.sleep(ip ? RETRY_MS : 500, signal).catch(() => {});
    }
  }

  async #listen(ip: string, run: Run): Promise<DnsServer> {
    const { upstreamServers, log } = this.#options;
    await run('ip', ['address', 'replace', `${ip}/32`, 'dev', 'lo']);
    const upstream = new Upstream({
      // Its own address among them would be a loop.
      servers: async () => (await upstreamServers()).filter((server) => server !== ip),
      now: () => performance.now(),
    });
    const responder = new Responder({ zone: () => this.#current(), upstream });
    return DnsServer.listen({ address: ip, port: DNS_PORT, responder, log });
  }

  #current(): Zone {
    this.#zone ??= buildZone(
      this.#options.observe() ?? {
        domain: 'cluster.local',
        services: [],
        slices: [],
        ranges: [],
        complete: false,
      },
    );
    return this.#zone;
  }
}
