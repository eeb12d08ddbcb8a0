/**
 * Where the server is: as the operator said, or as the network says (multicast DNS) and the board remembers. What the network says
 * is only where to knock: the token, and later the cluster's CA, tell whether it is ours.
 */
import { existsSync, readFileSync } from 'node:fs';
import type { HostPort } from '#proto/config/options.ts';
import { writeFileAtomic } from '#proto/meta/atomic-file.ts';
import type { Logger } from '#proto/meta/log.ts';
import type { FoundServer } from './discovery.plan.ts';

export interface ServerFinderOptions {
  /** What the operator said; undefined: the network is asked. */
  readonly fixed: HostPort | undefined;
  /** Remembers where the server was. */
  readonly path: string;
  readonly discover: () => Promise<readonly FoundServer[]>;
  readonly log: Logger;
}

const DEFAULT: HostPort = { host: 'coracle.local', port: 6444 };

export class ServerFinder {
  readonly #options: ServerFinderOptions;
  #current: HostPort | undefined;
  /** What the file says. */
  #remembered: string | undefined;
  /** Where to knock next. */
  #others: HostPort[] = [];
  #looking = false;
  #failed = false;

  constructor(options: ServerFinderOptions) {
    this.#options = options;
    const { fixed, path } = options;
    if (existsSync(path)) this.#remembered = readFileSync(path, 'utf8');
    this.#current = fixed ?? (this.#remembered ? (JSON.parse(this.#remembered) as HostPort) : undefined);
  }

  /** Whether the operator said where it is. */
  get isFixed(): boolean {
    return this.#options.fixed !== undefined;
  }

  /** Where the server was last, or the name that servers have. */
  get current(): HostPort {
    return this.#current ?? DEFAULT;
  }

  /** Every place to try, best first: for a board that has not joined. */
  async all(): Promise<readonly HostPort[]> {
    const { fixed, discover } = this.#options;
    if (fixed) return [fixed];
    const found = (await discover()).map(({ link }) => link);
    return this.#current ? [this.#current, ...found.filter((link) => !same(link, this.#current))] : found;
  }

  /** It is ours: remembered for the next start, with no network to ask. */
  confirm(link: HostPort = this.current): void {
    this.#failed = false;
    this.#others = [];
    this.#current = link;
    const text = JSON.stringify(link);
    if (text === this.#remembered) return;
    writeFileAtomic(this.#options.path, text);
    this.#remembered = text;
  }

  /** Where to knock now; where nothing is known, the name that servers have. After a failure the network is asked, so that the attempts that follow go through what it says. */
  next(): HostPort {
    if (this.#options.fixed) return this.#options.fixed;
    if (this.#failed) {
      const other = this.#others.shift();
      if (other) this.#current = other;
      else void this.#look();
    }
    this.#failed = true;
    return this.current;
  }

  async #look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    const { discover, log } = this.#options;
    try {
      const found = (await discover()).map(({ link }) => link);
      this.#others = found.filter((link) => !same(link, this.#current));
      // Back to the place where it was, once the others have been tried.
      if (this.#others.length > 0 && this.#current) this.#others.push(this.#current);
    } catch (err) {
      log.debug('the network can not be asked for the server', { err });
    } finally {
      this.#looking = false;
    }
  }
}

const same = (a: HostPort, b: HostPort | undefined): boolean => a.host === b?.host && a.port === b.port;
