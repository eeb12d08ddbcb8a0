/**
 * One of several equal programs leads, by holding a Lease: client-go's leader election, for the scheduler and the controllers.
 * - It leads from when its write has taken the Lease until the signal ends, or until it could not renew it for
 *   `renewDeadlineMs`: that is shorter than the Lease lasts, so nobody else leads before it has stopped.
 * - A program that comes back under its own identity, after a power cut, leads at once.
 * - Stopping gives the Lease back.
 */
import { leases } from '#proto/api/coordination/leases.ts';
import type { Clock } from '#proto/meta/clock.ts';
import type { Logger } from '#proto/meta/log.ts';
import { isNotFound } from '#proto/meta/status-error.ts';
import type { Lease, LeaseSpec } from '#proto/schema/generated/coordination-v1.ts';
import type { ApiClient } from './client.ts';
import type { EventRecorder } from './events.ts';
import { leaseOf, type Observed, observe, planElection, releasedSpec } from './leader-election.plan.ts';

export interface LeaderElectorOptions {
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly log: Logger;
  readonly rng: () => number;
  /** Tells who leads, on the Lease. */
  readonly events: EventRecorder;
  /** Of the Lease, in `kube-system`: `kube-scheduler`, `kube-controller-manager`. */
  readonly name: string;
  /** Of this program, and of no other that runs at the same time. */
  readonly identity: string;
  readonly timing?: ElectionTiming;
}

export interface ElectionTiming {
  /** After this long without a renewal others may lead. */
  readonly leaseDurationMs: number;
  readonly renewDeadlineMs: number;
  /** Between renewals, and between attempts to take the Lease. */
  readonly retryPeriodMs: number;
}

/**
 * Four times upstream's: three renewals a minute, of some 300 bytes that stay in memory, are no load for a board that idles, and
 * a cluster that loses a server bears a minute without one that schedules. Nobody waits where there is one server alone.
 */
export const ELECTION_TIMING: ElectionTiming = {
  leaseDurationMs: 60_000,
  renewDeadlineMs: 40_000,
  retryPeriodMs: 20_000,
};

const NAMESPACE = 'kube-system';
/** Attempts of several programs don't stay in step. */
const JITTER = 1.2;

export class LeaderElector {
  readonly #options: LeaderElectorOptions;
  readonly #timing: ElectionTiming;
  #observed: Observed | undefined;

  constructor(options: LeaderElectorOptions) {
    this.#options = options;
    this.#timing = options.timing ?? ELECTION_TIMING;
  }

  get isLeader(): boolean {
    return this.#observed?.lease.spec?.holderIdentity === this.#options.identity;
  }

  /**
   * Takes the Lease, calls `lead` with a signal that ends when it is lost, and keeps it. Resolves when the signal has ended and
   * the Lease is given back; rejects when the Lease was lost: whoever led must not go on.
   */
  async run(signal: AbortSignal, lead: (leading: AbortSignal) => Promise<void> | void): Promise<void> {
    const { log, name, identity } = this.#options;
    if (!(await this.#acquire(signal))) return;
    log.info('leading', { lease: name, identity });
    this.#tell('became leader');
    const leading = new AbortController();
    const stop = new AbortController();
    const renewing = this.#renewAll(AbortSignal.any([signal, stop.signal])).finally(() =>
      leading.abort(signal.aborted ? signal.reason : new Error('the Lease is not held any more')),
    );
    try {
      const [lost] = await Promise.all([renewing, lead(leading.signal)]);
      if (lost) throw new Error(`leader election lost: ${name}`);
    } finally {
      stop.abort();
      await renewing;
      await this.#release();
      this.#tell('stopped leading');
    }
  }

  /** True once the Lease is held; false where the signal ended first. */
  async #acquire(signal: AbortSignal): Promise<boolean> {
    const { clock, rng } = this.#options;
    while (!signal.aborted) {
      if (await this.#tryAcquireOrRenew()) return true;
      const waitMs = this.#timing.retryPeriodMs * (1 + JITTER * rng());
      await clock.sleep(waitMs, signal).catch(() => {});
    }
    return false;
  }

  /** True where the Lease was lost, false where the signal ended. */
  async #renewAll(signal: AbortSignal): Promise<boolean> {
    const { clock } = this.#options;
    let renewedAtMs = clock.uptimeMs();
    for (;;) {
      await clock.sleep(this.#timing.retryPeriodMs, signal).catch(() => {});
      if (signal.aborted) return false;
      if (await this.#tryAcquireOrRenew()) renewedAtMs = clock.uptimeMs();
      else if (!this.isLeader || clock.uptimeMs() - renewedAtMs >= this.#timing.renewDeadlineMs) return true;
    }
  }

  async #tryAcquireOrRenew(): Promise<boolean> {
    const { client, clock, log, identity, name } = this.#options;
    const { leaseDurationMs } = this.#timing;
    // Who leads knows the Lease: one write, no read.
    if (this.#observed && this.isLeader && (await this.#write(this.#observed, clock.now()))) return true;
    try {
      const lease = await client.get(leases, { namespace: NAMESPACE, name });
      this.#observed = observe(lease, this.#observed, clock.now());
      return await this.#write(this.#observed, clock.now());
    } catch (err) {
      if (!isNotFound(err)) {
        log.warn('lease not read', { lease: name, err });
        return false;
      }
    }
    const now = clock.now();
    const metadata = { namespace: NAMESPACE, name };
    const spec = leaseOf(identity, leaseDurationMs, now);
    const object: Lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec };
    return this.#keep(() => client.create(leases, object), now);
  }

  async #write(observed: Observed, now: number): Promise<boolean> {
    const { identity, client } = this.#options;
    const { leaseDurationMs } = this.#timing;
    const spec = planElection({ observed, identity, leaseDurationMs, now });
    if (!spec) return false;
    return this.#keep(() => client.update(leases, { ...observed.lease, spec }), now);
  }

  /** What is written is what is known. A write that loses against another is no news. */
  async #keep(write: () => Promise<Lease>, now: number): Promise<boolean> {
    const { log, name } = this.#options;
    try {
      this.#observed = { lease: await write(), atMs: now };
      return true;
    } catch (err) {
      log.debug('lease not written', { lease: name, err });
      return false;
    }
  }

  async #release(): Promise<void> {
    const { clock } = this.#options;
    const { lease } = this.#observed ?? {};
    if (!lease || !this.isLeader) return;
    const spec: LeaseSpec = releasedSpec(lease.spec, clock.now());
    await this.#keep(() => this.#options.client.update(leases, { ...lease, spec }), clock.now());
  }

  #tell(what: string): void {
    const { events, identity } = this.#options;
    const { lease } = this.#observed ?? {};
    if (lease)
      events.event(lease, { type: 'Normal', reason: 'LeaderElection', message: `${identity} ${what}` });
  }
}
