import type { Clock } from '#proto/meta/clock.ts';
import type { Logger } from '#proto/meta/log.ts';
import type { Node } from '#proto/schema/generated/core-v1.ts';
import type { Run } from '../run.ts';
import { Trigger } from '../trigger.ts';
import { isIpv4, planRoutes, ROUTE_PROTOCOL, type Route } from './routes.plan.ts';

export interface RoutesOptions {
  /** All boards; undefined while this one does not know them all. */
  readonly nodes: () => readonly Node[] | undefined;
  readonly nodeName: string;
  readonly serviceCidr: () => string | undefined;
  readonly hostIps: () => readonly string[];
  /** Own addresses with their segments. */
  readonly segments: () => readonly string[];
  readonly run: Run;
  readonly clock: Clock;
  readonly log: Logger;
}

/** A cable that was out takes its routes along: looked at again even when no board has changed. */
const CHECK_MS = 30_000;
const GAP_MS = 200;

/** Keeps the kernel's routes to other boards' Pods; those of others are never touched. */
export class Routes {
  readonly #options: RoutesOptions;
  readonly #trigger: Trigger;
  #beyond = '';

  constructor(options: RoutesOptions) {
    this.#options = options;
    this.#trigger = new Trigger(options.clock);
  }

  changed(): void {
    this.#trigger.fire();
  }

  /** Until the signal aborts; the routes stay. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    let waitMs = 0;
    while (!signal.aborted) {
      await this.#trigger.wait(waitMs, signal);
      if (signal.aborted) return;
      await this.apply().catch((err: unknown) =>
        log.warn('routes to other boards not set, again soon', { err }),
      );
      waitMs = CHECK_MS;
      await clock.sleep(GAP_MS, signal).catch(() => {});
    }
  }

  /** One look and what follows from it. */
  async apply(): Promise<void> {
    const { nodes, nodeName, segments, serviceCidr, hostIps, run, log } = this.#options;
    const known = nodes();
    if (!known) return;
    const kernel = parseRoutes(await run('ip', ['-json', '-4', 'route', 'show']));
    const plan = planRoutes({
      nodes: known,
      nodeName,
      segments: segments(),
      serviceCidr: serviceCidr(),
      hostIp: hostIps().find(isIpv4),
      ...kernel,
    });
    if (plan.beyond.join() !== this.#beyond && plan.beyond.length > 0)
      log.warn('boards of another segment: their pods are not reached', { nodes: plan.beyond.join(',') });
    this.#beyond = plan.beyond.join();
    if (plan.commands.length === 0) return;
    // One that is refused does not hold up the others.
    await run('ip', ['-force', '-batch', '-'], plan.commands.map((line) => `${line}\n`).join(''));
  }
}

interface KernelRoute {
  readonly dst?: string;
  readonly gateway?: string;
  readonly dev?: string;
  readonly prefsrc?: string;
  readonly protocol?: string;
}

function parseRoutes(text: string): { hasDefault: boolean; present: Route[] } {
  const routes = JSON.parse(text.trim() || '[]') as KernelRoute[];
  return {
    hasDefault: routes.some(({ dst }) => dst === 'default'),
    present: routes.flatMap(({ dst, gateway, dev, prefsrc, protocol }) =>
      dst && protocol === String(ROUTE_PROTOCOL)
        ? [{ to: dst, way: gateway ? `via ${gateway}` : `dev ${dev} src ${prefsrc}` }]
        : [],
    ),
  };
}
