import { Resolver } from 'node:dns/promises';
import type { Logger } from '#proto/meta/log.ts';

const TIMEOUT_MS = 2_000;

/**
 * What ExternalName Services stand for. Addresses of the board itself are left out: a name that somebody lets point to loopback
 * must not open to the world what listens there for this board alone.
 */
export class ExternalNames {
  readonly #servers: () => readonly string[];
  readonly #log: Logger;
  #known = new Map<string, readonly string[]>();

  /** `servers`: of the cluster's DNS, which asks the world where it must. */
  constructor(servers: () => readonly string[], log: Logger) {
    this.#servers = servers;
    this.#log = log;
  }

  addressesOf(name: string): readonly string[] {
    return this.#known.get(name) ?? [];
  }

  /** Asks for these names and forgets all others; true when an answer is another than before. */
  async refresh(names: readonly string[]): Promise<boolean> {
    const before = this.#known;
    const servers = this.#servers();
    if (names.length === 0 || servers.length === 0) {
      this.#known = new Map();
      return before.size > 0;
    }
    const resolver = new Resolver({ timeout: TIMEOUT_MS, tries: 2 });
    resolver.setServers(servers);
    const found = await Promise.all(
      names.map(async (name): Promise<[string, readonly string[]]> => {
        try {
          return [name, (await resolver.resolve4(name)).filter(isElsewhere).sort()];
        } catch (err) {
          this.#log.debug('a name behind an Ingress does not resolve', { name, err });
          return [name, before.get(name) ?? []];
        }
      }),
    );
    this.#known = new Map(found);
    return found.some(([name, addresses]) => String(addresses) !== String(before.get(name) ?? ''));
  }
}

/** Neither this board itself nor many at once: not of 0/8, loopback, link-local, or from multicast on. */
export const isElsewhere = (ip: string): boolean => !/^(0|127|169\.254|22[4-9]|2[3-5]\d)\./.test(ip);
