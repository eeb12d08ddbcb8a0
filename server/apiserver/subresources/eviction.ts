import { poddisruptionbudgets } from '#proto/api/policy/poddisruptionbudgets.ts';
import { matchesLabels, selectorFromObject } from '#proto/meta/selector.ts';
import { badRequest, internalError, StatusError, tooManyRequests } from '#proto/meta/status-error.ts';
import { timestamp } from '#proto/meta/timestamp.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import type { Eviction, PodDisruptionBudget } from '#proto/schema/generated/policy-v1.ts';
import type { Api, Call } from '#server/apiserver/rest/api.ts';
import { deleteObject } from '#server/apiserver/rest/delete.ts';
import { objectOf } from '#server/apiserver/rest/entries.ts';
import { prefixOf } from '#server/apiserver/rest/keys.ts';
import { changeObject } from '#server/apiserver/rest/update.ts';
import { requireEntry } from '#server/apiserver/rest/write.ts';

/** After this many the disruption controller has to catch up first. Rule: upstream's `MaxDisruptedPodSize`. */
const MAX_DISRUPTED = 2000;

/**
 * Deletes a Pod if its disruption budget allows: the budget is charged before, so that two evictions can't both
 * take the last one. 429 where nothing is left. Rule: upstream's `EvictionREST`.
 */
export async function evictPod(api: Api, call: Call, eviction: Eviction): Promise<void> {
  if (eviction.metadata.name && eviction.metadata.name !== call.name) {
    throw badRequest('name in URL does not match name in Eviction object');
  }
  const podCall: Call = { ...call, subresource: undefined, admitted: true };
  const options = eviction.deleteOptions ?? {};
  const dryRun = call.dryRun || (options.dryRun ?? []).length > 0;
  const pod = objectOf(requireEntry(api, podCall)) as Pod;
  if (!isPastBudget(pod)) await chargeBudget(api, { ...podCall, dryRun }, pod);
  await deleteObject(api, { ...podCall, dryRun }, options);
}

/** Evicting these disturbs nothing that a budget counts. */
const isPastBudget = (pod: Pod): boolean =>
  pod.status?.phase === 'Succeeded' ||
  pod.status?.phase === 'Failed' ||
  pod.status?.phase === 'Pending' ||
  Boolean(pod.metadata.deletionTimestamp);

async function chargeBudget(api: Api, call: Call, pod: Pod): Promise<void> {
  const budgets = budgetsOf(api, pod);
  const [budget] = budgets;
  if (!budget) return;
  if (budgets.length > 1) {
    throw internalError(
      new Error(
        'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
      ),
    );
  }
  const ready = pod.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') ?? false;
  if (!ready && mayEvictUnready(budget)) return;
  const budgetCall: Call = {
    ...call,
    resource: poddisruptionbudgets,
    name: budget.metadata.name ?? '',
    subresource: 'status',
  };
  await changeObject(api, budgetCall, (old) =>
    charged(structuredClone(old) as PodDisruptionBudget, pod, api.clock.now()),
  );
}

function charged(budget: PodDisruptionBudget, pod: Pod, now: number): PodDisruptionBudget {
  const name = budget.metadata.name ?? '';
  const status = budget.status;
  if (!status || (status.observedGeneration ?? 0) < (budget.metadata.generation ?? 0)) {
    throw tooMany(`The disruption budget ${name} is still being processed by the server.`, 10);
  }
  const disrupted = Object.keys(status.disruptedPods ?? {}).length;
  if (disrupted > MAX_DISRUPTED)
    throw tooMany('DisruptedPods map too big - too many evictions not confirmed by PDB controller', 0);
  if (status.disruptionsAllowed <= 0) {
    throw tooMany(
      `The disruption budget ${name} needs ${status.desiredHealthy} healthy pods and has ${status.currentHealthy} currently`,
      0,
    );
  }
  status.disruptionsAllowed -= 1;
  status.disruptedPods = { ...status.disruptedPods, [pod.metadata.name ?? '']: timestamp(now) };
  return budget;
}

function mayEvictUnready(budget: PodDisruptionBudget): boolean {
  if (budget.spec.unhealthyPodEvictionPolicy === 'AlwaysAllow') return true;
  const { currentHealthy = 0, desiredHealthy = 0 } = budget.status ?? {};
  return currentHealthy >= desiredHealthy && desiredHealthy > 0;
}

const budgetsOf = (api: Api, pod: Pod): PodDisruptionBudget[] =>
  api.store
    .range({ prefix: prefixOf(poddisruptionbudgets, pod.metadata.namespace) })
    .entries.map((entry) => objectOf(entry) as PodDisruptionBudget)
    .filter((budget) => matchesLabels(selectorFromObject(budget.spec.selector), pod.metadata.labels));

function tooMany(detail: string, retryAfterSeconds: number): StatusError {
  const err = tooManyRequests(
    "Cannot evict pod as it would violate the pod's disruption budget.",
    retryAfterSeconds,
  );
  const causes = [{ reason: 'DisruptionBudget', message: detail }];
  return new StatusError('TooManyRequests', err.message, { details: { ...err.details, causes } });
}
