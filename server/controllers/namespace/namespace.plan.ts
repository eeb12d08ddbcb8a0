import { timestamp } from '#proto/meta/timestamp.ts';
import type { Namespace, NamespaceCondition, NamespaceStatus } from '#proto/schema/generated/core-v1.ts';

/** What is left of one resource after a round of deleting. */
export interface Remaining {
  /** `pods.`, `deployments.apps`: as upstream writes it. */
  readonly resource: string;
  readonly count: number;
  /** How many objects wait for each finalizer. */
  readonly finalizers: ReadonlyMap<string, number>;
}

type Verdict = Pick<NamespaceCondition, 'type' | 'status' | 'reason' | 'message'>;

/** The status of a namespace on its way out, with upstream's five conditions. */
export function planTerminatingStatus(
  namespace: Namespace,
  remaining: readonly Remaining[],
  failures: readonly string[],
  now: number,
): NamespaceStatus {
  const known = namespace.status?.conditions ?? [];
  const conditions = verdicts(remaining, failures).map((verdict): NamespaceCondition => {
    const current = known.find((condition) => condition.type === verdict.type);
    const lastTransitionTime =
      current?.status === verdict.status ? current.lastTransitionTime : timestamp(now);
    return { ...verdict, lastTransitionTime };
  });
  const others = known.filter((condition) => !conditions.some((c) => c.type === condition.type));
  return { phase: 'Terminating', conditions: [...others, ...conditions] };
}

function verdicts(remaining: readonly Remaining[], failures: readonly string[]): Verdict[] {
  const left = remaining.filter(({ count }) => count > 0);
  const waiting = new Map<string, number>();
  for (const { finalizers } of left) {
    for (const [name, count] of finalizers) waiting.set(name, (waiting.get(name) ?? 0) + count);
  }
  const sorted = (parts: string[]): string => parts.sort().join(', ');
  return [
    {
      type: 'NamespaceDeletionDiscoveryFailure',
      status: 'False',
      reason: 'ResourcesDiscovered',
      message: 'All resources successfully discovered',
    },
    {
      type: 'NamespaceDeletionGroupVersionParsingFailure',
      status: 'False',
      reason: 'ParsedGroupVersions',
      message: 'All legacy kube types successfully parsed',
    },
    failures.length > 0
      ? {
          type: 'NamespaceDeletionContentFailure',
          status: 'True',
          reason: 'ContentDeletionFailed',
          message: `Failed to delete all resource types, ${failures.length} remaining: ${sorted([...failures])}`,
        }
      : {
          type: 'NamespaceDeletionContentFailure',
          status: 'False',
          reason: 'ContentDeleted',
          message: 'All content successfully deleted, may be waiting on finalization',
        },
    left.length > 0
      ? {
          type: 'NamespaceContentRemaining',
          status: 'True',
          reason: 'SomeResourcesRemain',
          message: `Some resources are remaining: ${sorted(
            left.map(({ resource, count }) => `${resource} has ${count} resource instances`),
          )}`,
        }
      : {
          type: 'NamespaceContentRemaining',
          status: 'False',
          reason: 'ContentRemoved',
          message: 'All content successfully removed',
        },
    waiting.size > 0
      ? {
          type: 'NamespaceFinalizersRemaining',
          status: 'True',
          reason: 'SomeFinalizersRemain',
          message: `Some content in the namespace has finalizers remaining: ${sorted(
            [...waiting].map(([name, count]) => `${name} in ${count} resource instances`),
          )}`,
        }
      : {
          type: 'NamespaceFinalizersRemaining',
          status: 'False',
          reason: 'ContentHasNoFinalizers',
          message: 'All content-preserving finalizers finished',
        },
  ];
}
