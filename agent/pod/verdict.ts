/** Why a Pod is ended from outside of it. */
export interface Verdict {
  readonly reason: string;
  readonly message: string;
  /** Shorter than the Pod's own. */
  readonly graceSeconds?: number | undefined;
  /** Said as its condition `DisruptionTarget`. */
  readonly isDisruption?: boolean | undefined;
  /** No event tells of it. */
  readonly isQuiet?: boolean | undefined;
}
