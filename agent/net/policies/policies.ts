import type { Runtime } from '../../runtime/runtime.ts';
import { withOwn } from '../../runtime/with-own.ts';
import type { PolicyEnforcer, PolicyOptions } from './policy-enforcer.ts';

export interface PoliciesOptions extends PolicyOptions {
  /** False where another plug-in has a say of its own, or none. */
  readonly enabled: () => boolean;
}

/** NetworkPolicies of a board: nothing is loaded, and nothing asked of the runtime, before the first one selects a Pod here. */
export class Policies {
  readonly #options: PoliciesOptions;
  readonly #signal: AbortSignal;
  #enforcer: Promise<PolicyEnforcer> | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(options: PoliciesOptions, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
  }

  /** An object that policies depend on has changed. */
  changed(): void {
    void this.#load()?.then((enforcer) => enforcer.changed());
  }

  /** Resolves when the Pod is as isolated as it should be. */
  async admit(uid: string): Promise<void> {
    const enforcer = await this.#load();
    await enforcer?.admit(uid);
  }

  /** Until the signal aborts. */
  async run(): Promise<void> {
    const { run, log } = this.#options;
    this.changed();
    if (!this.#enforcer) {
      const { removePolicies } = await import('./policy-enforcer.ts');
      if (!this.#enforcer)
        await removePolicies({ run, log }).catch((err: unknown) =>
          log.debug('rules of network policies not removed', { err }),
        );
    }
    await new Promise<void>((resolve) => {
      if (this.#signal.aborted) resolve();
      this.#signal.addEventListener('abort', () => resolve(), { once: true });
    });
    await this.#running;
  }

  #load(): Promise<PolicyEnforcer> | undefined {
    const { desired, enabled } = this.#options;
    if (this.#enforcer || !enabled() || desired.list('networkpolicies').length === 0) return this.#enforcer;
    this.#enforcer = import('./policy-enforcer.ts').then(({ PolicyEnforcer }) => {
      const enforcer = new PolicyEnforcer(this.#options);
      this.#running = enforcer.run(this.#signal);
      return enforcer;
    });
    return this.#enforcer;
  }
}

/** The same runtime; no container is made in a Pod that is not isolated yet. */
export function isolated<T extends Runtime>(runtime: T, admit: (uid: string) => Promise<void>): T {
  return withOwn(runtime, {
    async createContainer(sandboxId, config, sandbox) {
      if (sandbox.namespaces.network === 'pod') await admit(sandbox.uid);
      return runtime.createContainer(sandboxId, config, sandbox);
    },
  });
}
