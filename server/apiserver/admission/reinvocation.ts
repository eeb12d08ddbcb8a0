/**
 * A second round of the mutating plugins over one write: what one of them changed, an earlier one may not have seen.
 * Rule: `ReinvocationContext` of k8s.io/apiserver/pkg/admission.
 */
export class Reinvocation {
  #wanted = false;
  #second = false;
  readonly #memory = new Map<string, unknown>();

  /** Is this the second round? */
  get isSecond(): boolean {
    return this.#second;
  }

  /** Asks for the second round. */
  want(): void {
    this.#wanted = true;
  }

  /** True where a second round was asked for; from then on this is it. There is no third. */
  begin(): boolean {
    if (!this.#wanted || this.#second) return false;
    this.#second = true;
    return true;
  }

  /** What a plugin keeps from the first round to the second. */
  recall<T>(plugin: string, make: () => T): T {
    let kept = this.#memory.get(plugin) as T | undefined;
    if (kept === undefined) {
      kept = make();
      this.#memory.set(plugin, kept);
    }
    return kept;
  }
}
