import type {
  PodFailurePolicy,
  PodFailurePolicyOnExitCodesRequirement,
} from '#proto/schema/generated/batch-v1.ts';
import type { ContainerStatus, Pod } from '#proto/schema/generated/core-v1.ts';

export interface FailureVerdict {
  readonly action: 'None' | 'Ignore' | 'Count' | 'FailIndex' | 'FailJob';
  /** Whether the failure counts towards the back-off limits. */
  readonly counted: boolean;
  /** Why the whole Job fails. */
  readonly message?: string;
}

/** What the first matching rule says of a failed pod. Rule: upstream's `pod_failure_policy.go`. */
export function judgeFailure(policy: PodFailurePolicy | undefined, pod: Pod): FailureVerdict {
  for (const [at, rule] of (policy?.rules ?? []).entries()) {
    let why: string | undefined;
    const who = `${pod.metadata.namespace}/${pod.metadata.name}`;
    if (rule.onExitCodes) {
      const status = failedContainer(pod, rule.onExitCodes);
      const code = status?.state?.terminated?.exitCode;
      if (status) why = `Container ${status.name} for pod ${who} failed with exit code ${code}`;
    } else if (rule.onPodConditions) {
      const patterns = rule.onPodConditions;
      const condition = pod.status?.conditions?.find(({ type, status }) =>
        patterns.some((pattern) => pattern.type === type && (pattern.status || 'True') === status),
      );
      if (condition) why = `Pod ${who} has condition ${condition.type}`;
    }
    if (why === undefined) continue;
    switch (rule.action) {
      case 'Ignore':
        return { action: 'Ignore', counted: false };
      case 'Count':
        return { action: 'Count', counted: true };
      case 'FailIndex':
        return { action: 'FailIndex', counted: true };
      case 'FailJob': {
        const message = `${why} matching ${rule.action} rule at index ${at}`;
        return { action: 'FailJob', counted: true, message };
      }
      default:
    }
  }
  return { action: 'None', counted: true };
}

function failedContainer(
  pod: Pod,
  rule: PodFailurePolicyOnExitCodesRequirement,
): ContainerStatus | undefined {
  const statuses = [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])];
  return statuses.find(({ name, state }) => {
    const code = state?.terminated?.exitCode ?? 0;
    if (code === 0 || (rule.containerName !== undefined && rule.containerName !== name)) return false;
    if (rule.operator === 'In') return rule.values.includes(code);
    return rule.operator === 'NotIn' && !rule.values.includes(code);
  });
}
