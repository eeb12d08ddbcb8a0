import type { SuccessPolicy } from '#proto/schema/generated/batch-v1.ts';
import { Indexes } from '#server/controllers/job/indexes.plan.ts';

/** The words of the first rule that is met. Rule: upstream's `success_policy.go`. */
export function metSuccessPolicy(
  policy: SuccessPolicy | undefined,
  completions: number,
  succeeded: Indexes,
): string | undefined {
  if (!policy || succeeded.size === 0) return undefined;
  const at = policy.rules.findIndex(({ succeededIndexes, succeededCount }) => {
    if (succeededIndexes === undefined) {
      return succeededCount !== undefined && succeeded.size >= succeededCount;
    }
    const required = Indexes.parse(succeededIndexes, completions);
    return required.size > 0 && required.countIn(succeeded) >= (succeededCount ?? required.size);
  });
  return at < 0 ? undefined : `Matched rules at index ${at}`;
}
