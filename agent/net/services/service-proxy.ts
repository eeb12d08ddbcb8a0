/** Keeps the board's nftables table of one family as Services want it: looks, plans, applies, and forgets flows that led elsewhere. */
import type { Clock } from '#proto/meta/clock.ts';
import type { Logger } from '#proto/meta/log.ts';
import { keep } from '../keep.ts';
import { KeptTable } from '../nft/kept-table.ts';
import { isMissing, type Run } from '../run.ts';
import { Trigger } from '../trigger.ts';
import type { ServicesTable } from './base.plan.ts';
import { planConntrack } from './conntrack.plan.ts';
import { planHealthChecks } from './health-checks.plan.ts';
import type { HealthChecks } from './health-checks.ts';
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
  readonly #table: KeptTable<ServicesTable>;
  #noConntrack = false;

  constructor(options: ServiceProxyOptions) {
    this.#options = options;
    this.#trigger = new Trigger(options.clock);
    this.#table = new KeptTable(options.run, options.log);
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
        check: () => this.#table.check(),
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
    const { observe, health } = this.#options;
    const input = observe();
    if (!input) return;
    health?.set(planHealthChecks(input.services, input.slices, input.nodeName));
    const before = this.#table.applied;
    const wanted = planServices(input);
    if (!(await this.#table.apply(wanted))) return;
    for (const args of planConntrack(before, wanted)) await this.#conntrack(args);
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
