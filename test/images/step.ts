/** One thing that is looked at. Throws where it is not as it should be; gives lines worth telling. */
export interface Step {
  readonly name: string;
  /** Without it, what follows makes no sense. */
  readonly vital?: boolean;
  readonly run: () => Promise<readonly string[] | undefined>;
}

export interface Suite {
  readonly steps: readonly Step[];
  /** Ends what it started, whatever happened. */
  readonly end: () => Promise<void>;
}

/** `12.3 s`, of milliseconds. */
export const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

export function expect(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(otherwise);
}
