import type { Verdict } from './board-verdicts.plan.ts';

/**
 * Conditions of the Node that parts of the agent see to, beside those of the board. A part that is not in use says nothing, and
 * the Node has no condition of it.
 */
export class PartVerdicts {
  readonly #verdicts = new Map<string, Verdict>();
  readonly #listeners = new Set<() => void>();

  list(): readonly Verdict[] {
    return [...this.#verdicts.values()];
  }

  /** Takes the place of what was said of the same condition before; true when it says something else. */
  set(verdict: Verdict): boolean {
    const [type] = verdict;
    if (String(this.#verdicts.get(type)) === String(verdict)) return false;
    this.#verdicts.set(type, verdict);
    for (const listener of this.#listeners) listener();
    return true;
  }

  /** Called after each change. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
