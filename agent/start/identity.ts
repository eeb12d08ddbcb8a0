import { join } from 'node:path';
import { type Identity, IdentityStore, isRenewalDue } from '../link/identity.ts';
import { connectLink, renewCertificate } from '../link/join.ts';
import { joinWithPatience } from '../link/join-with-patience.ts';
import type { Foundation } from './foundation.ts';

const RENEWAL_CHECK_MS = 6 * 60 * 60_000;

/** Who this board is to its cluster: by a token at first, by its key from then on. */
export class BoardIdentity {
  readonly #foundation: Foundation;
  readonly #store: IdentityStore;
  #current: Identity;

  private constructor(foundation: Foundation, store: IdentityStore, current: Identity) {
    this.#foundation = foundation;
    this.#store = store;
    this.#current = current;
  }

  /** Joins where the board has not yet. Undefined when the agent was told to stop meanwhile. */
  static async open(foundation: Foundation, signal: AbortSignal): Promise<BoardIdentity | undefined> {
    const { options, own, servers, hardware, clock, log } = foundation;
    const { token, nodeName } = options;
    const store = new IdentityStore(join(own, 'pki'), nodeName);
    const current =
      store.load() ??
      (await joinWithPatience({ token, nodeName, hardware, store, servers, clock, log }, signal));
    return current && new BoardIdentity(foundation, store, current);
  }

  get current(): Identity {
    return this.#current;
  }

  /** The server does not take the certificate any more. What it is then stays as it is where nothing helps. */
  async rejoin(): Promise<void> {
    const { options, servers, hardware, log } = this.#foundation;
    const { token, nodeName } = options;
    const { rejoin } = await import('../link/rejoin.ts');
    const board = { token, nodeName, hardware, store: this.#store, link: servers.current };
    this.#current = (await rejoin(board, log)) ?? this.#current;
  }

  /** Renews the certificate in time, whenever the server is there, until the signal. */
  async keep(server: { readonly connected: boolean }, signal: AbortSignal): Promise<void> {
    const { clock } = this.#foundation;
    while (!signal.aborted) {
      if (server.connected && isRenewalDue(this.#current.certificate, clock.now())) await this.#renew();
      await clock.sleep(RENEWAL_CHECK_MS, signal).catch(() => {});
    }
  }

  async #renew(): Promise<void> {
    const { options, servers, hardware, log } = this.#foundation;
    const { nodeName } = options;
    const client = connectLink(servers.current, this.#current.ca, this.#current);
    try {
      this.#current = await renewCertificate(client, { nodeName, hardware }, this.#store);
      log.info('certificate renewed', { node: nodeName });
    } catch (err) {
      log.warn('the certificate could not be renewed, later again', { err });
    } finally {
      client.close();
    }
  }
}
