/**
 * Keeps the board's nftables table as Services want it: looks, plans, applies the difference. Whatever goes wrong with a
 * difference (another program flushed the tables) is mended with the whole table.
 */
import type { Clock } from '#proto/meta/clock.ts';
import type { Logger } from '#proto/meta/log.ts';
import { keep } from '../keep.ts';
import { isMissing, type Run } from '../run.ts';
import { Trigger } from '../trigger.ts';
import { planConntrack } from './conntrack.plan.ts';
import { planHealthChecks } from './health-checks.plan.ts';
import type { HealthChecks } from './health-checks.ts';
import { planDifference, planWhole, type Ruleset, TABLE } from './ruleset.plan.ts';
import { planServices, type ServicesInput } from './services.plan.ts';

export interface ServiceProxyOptions {
  /** Undefined while the board does not know enough yet. */
  readonly observe: () => ServicesInput | undefined;
  readonly health?: Pick<HealthChecks, 'set'>;
  readonly run: Run;
  readonly clock: Clock;
  readonly log: Logger;
}

/** A rolling update changes slices many times a second: one look at all of them is enough. */
const GAP_MS = 100;
const CHECK_MS = 60_000;
const RETRY_MS = 5_000;

export class ServiceProxy {
  readonly #options: ServiceProxyOptions;
  readonly #trigger: Trigger;
  #applied: Ruleset | undefined;
  #noConntrack = false;

  constructor(options: ServiceProxyOptions) {
    this.#options = options;
    this.#trigger = new Trigger(options.clock);
  }

  /** Something that {@link ServiceProxyOptions.observe} sees has changed. */
  changed(): void {
    this.#trigger.fire();
  }

  /** Until the signal aborts; the rules stay. */
  run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    return keep(
      {
        ...{ trigger: this.#trigger, clock, gapMs: GAP_MS, checkMs: CHECK_MS, retryMs: RETRY_MS },
        check: () => this.#check(),
        apply: () => this.apply(),
        failed: (err, again) => {
          if (!isMissing(err)) log.error('services could not be applied, again soon', { err });
          else if (!again) log.warn('nft is not installed: services do not work on this board');
        },
      },
      signal,
    );
  }

  /** One look and what follows from it. */
  async apply(): Promise<void> {
    const { observe, health, log } = this.#options;
    const input = observe();
    if (!input) return;
    health?.set(planHealthChecks(input.services, input.slices, input.nodeName));
    const before = this.#applied;
    const wanted = planServices(input);
    const difference = before && planDifference(before, wanted);
    if (difference === '') return;
    if (difference === undefined) {
      await this.#whole(wanted);
    } else {
      try {
        await this.#nft(difference);
      } catch (err) {
        log.warn('a change of services was refused, the whole table is made anew', { err });
        await this.#whole(wanted);
      }
    }
    this.#applied = wanted;
    for (const args of planConntrack(before, wanted)) await this.#conntrack(args);
  }

  async #whole(wanted: Ruleset): Promise<void> {
    this.#applied = undefined;
    await this.#nft(planWhole(wanted));
  }

  /** Somebody else's "flush ruleset" takes our table too. */
  async #check(): Promise<void> {
    if (!this.#applied) return;
    const tables = await this.#options.run('nft', ['list', 'tables']);
    if (!tables.split('\n').includes(`table ${this.#applied.family} ${TABLE}`)) this.#applied = undefined;
  }

  async #nft(script: string): Promise<void> {
    await this.#options.run('nft', ['-f', '-'], script);
  }

  async #conntrack(args: readonly string[]): Promise<void> {
    if (this.#noConntrack) return;
    try {
      await this.#options.run('conntrack', args);
    } catch (err) {
      // It fails where there is nothing to forget, too.
      this.#noConntrack = isMissing(err);
    }
  }
}
