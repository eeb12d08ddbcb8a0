/** There at once, or later: a read of a custom resource may have to ask a webhook, all others must not wait. */
export type Maybe<T> = T | Promise<T>;

/** Goes on at once where the value is there. */
export const andThen = <T, R>(value: Maybe<T>, next: (value: T) => Maybe<R>): Maybe<R> =>
  value instanceof Promise ? value.then(next) : next(value);

/** Runs steps that yield what they wait for; at once as long as nothing of it has to be waited for. */
export function run<T>(steps: Generator<Maybe<unknown>, T, never>): Maybe<T> {
  const go = (input?: unknown): Maybe<T> => {
    let given = input;
    for (;;) {
      const step = steps.next(given as never);
      if (step.done) return step.value;
      if (step.value instanceof Promise)
        return step.value.then(go, (err: unknown) => {
          steps.throw(err);
          throw err;
        });
      given = step.value;
    }
  };
  return go();
}
