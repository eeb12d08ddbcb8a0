/** Ctrl-C, or a terminal that goes away: a command hears of the first one and tidies up; the second one ends it at once. */

export interface Interrupts {
  readonly signal: AbortSignal;
  /** Ends as the signal would have ended it, so that a script around it stops too. Without one, does nothing. */
  readonly end: () => void;
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export function listenForInterrupts(): Interrupts {
  const stop = new AbortController();
  let came: NodeJS.Signals | undefined;
  const hear = (signal: NodeJS.Signals): void => {
    came ??= signal;
    forget();
    stop.abort(new Error(`interrupted by ${signal}`));
  };
  const forget = (): void => {
    for (const name of SIGNALS) process.removeListener(name, hear);
  };
  for (const name of SIGNALS) process.on(name, hear);
  // Nobody listens any more: what was begun is still brought to its end.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  return {
    signal: stop.signal,
    end: () => {
      forget();
      if (came) process.kill(process.pid, came);
    },
  };
}
