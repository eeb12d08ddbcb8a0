/**
 * Keeps the kernel's table as the NetworkPolicies of this board's Pods want it. A Pod is isolated before its first container
 * starts: {@link PolicyEnforcer.admit} resolves when the kernel has its rules, and rejects when they could not be set, so
 * that the container does not start. Before that nothing runs in its network that could send or listen.
 */
import { type AddressGroup, type BoardPolicy, namedPorts } from '#proto/agent/board-policy.ts';
import type { Clock } from '#proto/meta/clock.ts';
import type { Logger } from '#proto/meta/log.ts';
import { SharedRun } from '#proto/meta/shared-run.ts';
import type { DesiredState } from '../../link/cluster.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import { keep } from '../keep.ts';
import { KeptTable } from '../nft/kept-table.ts';
import type { Run } from '../run.ts';
import { Trigger } from '../trigger.ts';
import { isSelected, type LocalPod, POLICY_TABLE, planPolicies } from './policies.plan.ts';

export interface PolicyOptions {
  readonly desired: DesiredState;
  readonly runtime: Pick<Runtime, 'list' | 'sandboxStatus'>;
  readonly run: Run;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Groups change with every Pod of a rolling update. */
const GAP_MS = 100;
const CHECK_MS = 60_000;
const RETRY_MS = 5_000;

export class PolicyEnforcer {
  readonly #options: PolicyOptions;
  readonly #trigger: Trigger;
  readonly #table: KeptTable;
  /** By sandbox: they do not change. */
  readonly #addresses = new Map<string, readonly string[]>();
  #isolated: ReadonlySet<string> = new Set();
  readonly #run: SharedRun<void>;

  constructor(options: PolicyOptions) {
    this.#options = options;
    this.#trigger = new Trigger(options.clock);
    this.#table = new KeptTable(options.run, options.log);
    this.#run = new SharedRun(() => this.#apply());
  }

  changed(): void {
    this.#trigger.fire();
  }

  /** Before a container of the Pod starts, in its sandbox. */
  async admit(uid: string): Promise<void> {
    await this.apply();
    const pod = this.#pods().find((local) => local.uid === uid);
    if (pod && this.#isIsolated(pod) && !this.#isolated.has(uid))
      throw new Error('network policies select the Pod, but it has no address yet');
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
          if (!again) log.error('network policies could not be applied, again soon', { err });
        },
      },
      signal,
    );
  }

  /** A look that begins after this call, and what follows from it. */
  apply(): Promise<void> {
    return this.#run.ask();
  }

  async #apply(): Promise<void> {
    const { desired } = this.#options;
    if (this.#policies().length === 0) {
      this.#isolated = new Set();
      if (this.#table.applied) await this.#table.remove(POLICY_TABLE.family, POLICY_TABLE.name);
      return;
    }
    const isolated = this.#pods().filter((pod) => this.#isIsolated(pod));
    const pods = isolated.length > 0 ? await this.#withAddresses(isolated) : [];
    const input = { policies: this.#policies(), groups: desired.list<AddressGroup>('addressgroups'), pods };
    await this.#table.apply(planPolicies(input));
    this.#isolated = new Set(pods.map(({ uid }) => uid));
  }

  #policies(): readonly BoardPolicy[] {
    return this.#options.desired.list<BoardPolicy>('networkpolicies');
  }

  #isIsolated(pod: Omit<LocalPod, 'ips'>): boolean {
    return this.#policies().some((policy) => isSelected(policy, pod));
  }

  #pods(): Omit<LocalPod, 'ips'>[] {
    return this.#options.desired
      .pods()
      .filter(({ spec }) => !spec.hostNetwork)
      .map((pod) => ({
        namespace: pod.metadata.namespace ?? '',
        name: pod.metadata.name ?? '',
        uid: pod.metadata.uid ?? '',
        labels: pod.metadata.labels,
        ports: namedPorts(pod.spec),
      }));
  }

  /** Those of them that have a sandbox. */
  async #withAddresses(pods: readonly Omit<LocalPod, 'ips'>[]): Promise<LocalPod[]> {
    const { runtime } = this.#options;
    const { sandboxes } = await runtime.list();
    const live = new Set(sandboxes.map(({ id }) => id));
    for (const id of this.#addresses.keys()) if (!live.has(id)) this.#addresses.delete(id);
    const found: LocalPod[] = [];
    for (const pod of pods) {
      const ips: string[] = [];
      for (const { id, uid, ready } of sandboxes) {
        if (uid !== pod.uid || !ready) continue;
        let known = this.#addresses.get(id);
        if (!known) {
          known = (await runtime.sandboxStatus(id)).ips;
          if (known.length > 0) this.#addresses.set(id, known);
        }
        ips.push(...known);
      }
      if (ips.length > 0) found.push({ ...pod, ips });
    }
    return found;
  }
}

/** What a time with policies has left in the kernel, of a board that has none (any more). */
export async function removePolicies({ run, log }: Pick<PolicyOptions, 'run' | 'log'>): Promise<void> {
  await new KeptTable(run, log).remove(POLICY_TABLE.family, POLICY_TABLE.name);
}
