import { addressTowards, firstAddress } from '#proto/net/addresses.ts';

/**
 * The board's address, which a router may change at any time: asked of the kernel anew, which sends nothing, and kept while
 * there is none, so that a cable that was pulled changes nothing.
 */
export class HostAddress {
  readonly #ask: () => Promise<string | undefined>;
  #address: string | undefined;

  private constructor(ask: () => Promise<string | undefined>) {
    this.#ask = ask;
  }

  /** `given`: what a person said, which stays. Otherwise the address towards the server. */
  static async find(
    given: string,
    server: () => { readonly host: string; readonly port: number },
  ): Promise<HostAddress> {
    const towards = async () => {
      const { host, port } = server();
      // A server on this very board is reached by others at the address of the default route.
      return isLoopback(host) ? addressTowards(ELSEWHERE, port) : addressTowards(host, port);
    };
    const found = new HostAddress(async () => given || (await towards()));
    found.#address = (await found.#ask()) || firstAddress();
    return found;
  }

  get all(): readonly string[] {
    return this.#address ? [this.#address] : [];
  }

  /** True when it has changed. */
  async refresh(): Promise<boolean> {
    const now = (await this.#ask()) || this.#address;
    const changed = now !== this.#address;
    this.#address = now;
    return changed;
  }
}

/** An address that nobody has (RFC 5737). */
const ELSEWHERE = '192.0.2.1';

const isLoopback = (host: string): boolean => /^(localhost$|127\.|::1$)/.test(host);
