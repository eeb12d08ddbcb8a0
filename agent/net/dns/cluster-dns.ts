import type { Clock } from '#proto/meta/clock.ts';
import type { Logger } from '#proto/meta/log.ts';
import type { Run } from '../run.ts';
import { Trigger } from '../trigger.ts';
import { DnsServer } from './dns-server.ts';
import { type Forwarding, parseForwarding, serversFor } from './forwarding.plan.ts';
import { Responder } from './responder.ts';
import { Upstream } from './upstream.ts';
import { buildZone, type Zone, type ZoneInput } from './zone.plan.ts';

export interface ClusterDnsOptions {
  /** Undefined while the board does not know its cluster. */
  readonly observe: () => ZoneInput | undefined;
  /** Where Pods ask: `10.43.0.10`. */
  readonly address: () => string | undefined;
  /** Somebody else answers there. */
  readonly elsewhere: () => boolean;
  /** The board's own servers, for names of the world. */
  readonly upstreamServers: () => Promise<readonly string[]>;
  /** Data of the ConfigMap that says otherwise, where there is one. */
  readonly forwarding: () => Readonly<Record<string, string>> | undefined;
  readonly run: Run;
  readonly clock: Clock;
  readonly log: Logger;
}

const RETRY_MS = 5_000;
const FOR_EVER_MS = 24 * 60 * 60_000;
const DNS_PORT = 53;

/** Cluster DNS of this board, from what the board itself holds: names resolve while the server is away. */
export class ClusterDns {
  readonly #options: ClusterDnsOptions;
  readonly #upstream: Upstream;
  readonly #moved: Trigger;
  #zone: Zone | undefined;
  #forwarding: Forwarding | undefined;

  constructor(options: ClusterDnsOptions) {
    this.#options = options;
    this.#moved = new Trigger(options.clock);
    this.#upstream = new Upstream({
      servers: (name) => this.#serversFor(name),
      now: () => performance.now(),
      log: options.log,
    });
  }

  /** What {@link ClusterDnsOptions.observe} sees has changed; the zone is made anew when the next query comes. */
  changed(): void {
    this.#zone = undefined;
  }

  /** What {@link ClusterDnsOptions.forwarding} sees has changed. */
  forwardingChanged(): void {
    this.#forwarding = undefined;
    this.#upstream.forget();
  }

  /** What {@link ClusterDnsOptions.address} or {@link ClusterDnsOptions.elsewhere} sees has changed. */
  addressChanged(): void {
    this.#moved.fire();
  }

  /** Until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { log, address, elsewhere, run } = this.#options;
    let told = false;
    let server: DnsServer | undefined;
    let served = '';
    while (!signal.aborted) {
      const ip = address() ?? '';
      const wanted = elsewhere() ? '' : ip;
      let waitMs = FOR_EVER_MS;
      if (served !== wanted || (wanted === '' && ip !== '')) {
        server?.close();
        server = undefined;
        // An address that was ours would keep Pods from whoever answers there now.
        for (const old of new Set([served, ip]))
          if (old !== '' && old !== wanted)
            await run('ip', ['address', 'del', `${old}/32`, 'dev', 'lo']).catch(() => {});
        served = '';
        try {
          if (wanted !== '') {
            server = await this.#listen(wanted, run);
            log.info('cluster DNS is served', { address: wanted });
            served = wanted;
          }
        } catch (err) {
          if (!told) log.warn('cluster DNS can not be served yet', { address: wanted, err });
          told = true;
          waitMs = RETRY_MS;
        }
      }
      await this.#moved.wait(waitMs, signal);
    }
    server?.close();
  }

  async #listen(ip: string, run: Run): Promise<DnsServer> {
    await run('ip', ['address', 'replace', `${ip}/32`, 'dev', 'lo']);
    const responder = new Responder({ zone: () => this.#current(), upstream: this.#upstream });
    return DnsServer.listen({ address: ip, port: DNS_PORT, responder, log: this.#options.log });
  }

  async #serversFor(name: string): Promise<readonly string[]> {
    const { forwarding, upstreamServers, address, log } = this.#options;
    if (!this.#forwarding) {
      this.#forwarding = parseForwarding(forwarding());
      const { problems } = this.#forwarding;
      if (problems.length > 0) log.warn('ConfigMap kube-system/kube-dns is used in part', { problems });
    }
    const servers = serversFor(this.#forwarding, name) ?? (await upstreamServers());
    // Its own address among them would be a loop.
    return servers.filter((server) => server !== address());
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
