import { withPodCondition } from '#proto/api/core/pod-condition.ts';
import { poddisruptionbudgets } from '#proto/api/policy/poddisruptionbudgets.ts';
import { matchesLabels, selectorFromObject } from '#proto/meta/selector.ts';
import {
  badRequest,
  conflict,
  forbidden,
  isConflict,
  StatusError,
  tooManyRequests,
} from '#proto/meta/status-error.ts';
import { timestamp } from '#proto/meta/timestamp.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import type { DeleteOptions } from '#proto/schema/generated/meta-v1.ts';
import type {
  Eviction,
  PodDisruptionBudget,
  PodDisruptionBudgetStatus,
} from '#proto/schema/generated/policy-v1.ts';
import type { Api, Call } from '#server/apiserver/rest/api.ts';
import { deleteObject } from '#server/apiserver/rest/delete.ts';
import { objectOf } from '#server/apiserver/rest/entries.ts';
import { prefixOf } from '#server/apiserver/rest/keys.ts';
import { changeObject } from '#server/apiserver/rest/update.ts';
import { requireEntry } from '#server/apiserver/rest/write.ts';

/** After this many the disruption controller has to catch up first. Rule: upstream's `MaxDisruptedPodSize`. */
const MAX_DISRUPTED = 2000;

/** So often is an eviction tried again where somebody else writes the Pod at the same time. */
const ATTEMPTS = 20;

/**
 * Deletes a Pod if its disruption budget allows: the budget is charged before, so that two evictions can't both
 * take the last one. 429 where nothing is left. Rule: upstream's `EvictionREST`.
 */
export async function evictPod(api: Api, call: Call, eviction: Eviction): Promise<void> {
  if (eviction.metadata.name && eviction.metadata.name !== call.name) {
    throw badRequest('name in URL does not match name in Eviction object');
  }
  const options = eviction.deleteOptions ?? {};
  const dryRun = call.dryRun || (options.dryRun ?? []).length > 0;
  const podCall: Call = { ...call, subresource: undefined, admitted: true, dryRun };
  for (let attempt = 1; ; attempt += 1) {
    const pod = objectOf(requireEntry(api, podCall)) as Pod;
    if (!isPastBudget(pod)) return evictGuarded(api, podCall, pod, options);
    try {
      // One that has not begun may become ready at this moment, and then its budget has a say.
      const guard = pod.status?.phase === 'Pending' && !pod.metadata.deletionTimestamp;
      return await markAndDelete(api, podCall, guard ? atRevision(options, pod) : options);
    } catch (err) {
      if (!isConflict(err) || options.preconditions?.resourceVersion || attempt === ATTEMPTS) throw err;
    }
  }
}

/** Evicting these disturbs nothing that a budget counts. */
const isPastBudget = (pod: Pod): boolean =>
  pod.status?.phase === 'Succeeded' ||
  pod.status?.phase === 'Failed' ||
  pod.status?.phase === 'Pending' ||
  Boolean(pod.metadata.deletionTimestamp);

/** The options, which hold for the Pod as it was read only, unless they say so of themselves. */
const atRevision = (options: DeleteOptions, { metadata: { resourceVersion } }: Pod): DeleteOptions =>
  options.preconditions?.resourceVersion
    ? options
    : { ...options, preconditions: { ...options.preconditions, resourceVersion } };

async function evictGuarded(api: Api, call: Call, pod: Pod, options: DeleteOptions): Promise<void> {
  const budgets = budgetsOf(api, pod);
  const [budget] = budgets;
  if (budgets.length > 1) {
    throw new StatusError(
      'InternalError',
      'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
    );
  }
  if (!budget) return markAndDelete(api, call, options);
  const ready = pod.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') ?? false;
  if (ready || !mayEvictUnready(budget)) {
    await chargeBudget(api, call, budget, pod);
    return markAndDelete(api, call, options);
  }
  try {
    await markAndDelete(api, call, atRevision(options, pod));
  } catch (err) {
    // It may have become ready meanwhile: the client asks again.
    if (isConflict(err) && !options.preconditions?.resourceVersion) throw unprocessed(budget);
    throw err;
  }
}

/** Says in the Pod's status why it goes; Job's failure policies read that. */
async function markAndDelete(api: Api, call: Call, options: DeleteOptions): Promise<void> {
  let next = options;
  if (!call.dryRun) {
    const { resourceVersion, uid } = options.preconditions ?? {};
    const entry = await changeObject(api, { ...call, subresource: 'status' }, (old) => {
      const pod = structuredClone(old) as Pod;
      const { metadata } = pod;
      const differs = (what: string, wanted: string, found: string | undefined, how: string): StatusError =>
        conflict(
          { group: '', resource: 'Pod' },
          call.name,
          `the ${what} in the precondition (${wanted}) does not match the ${what} in record (${found}). The object might have been ${how}`,
        );
      if (uid && uid !== metadata.uid) throw differs('UID', uid, metadata.uid, 'deleted and then recreated');
      if (resourceVersion && resourceVersion !== metadata.resourceVersion)
        throw differs('ResourceVersion', resourceVersion, metadata.resourceVersion, 'modified');
      pod.status = { ...pod.status, conditions: withPodCondition(pod, EVICTING, api.clock.now()) };
      return pod;
    });
    if (resourceVersion) {
      const preconditions = { ...options.preconditions, resourceVersion: String(entry.revision) };
      next = { ...options, preconditions };
    }
  }
  await deleteObject(api, call, next);
}

const EVICTING = {
  type: 'DisruptionTarget',
  status: 'True',
  reason: 'EvictionByEvictionAPI',
  message: 'Eviction API: evicting',
} as const;

async function chargeBudget(api: Api, call: Call, budget: PodDisruptionBudget, pod: Pod): Promise<void> {
  const budgetCall: Call = {
    ...call,
    resource: poddisruptionbudgets,
    name: budget.metadata.name ?? '',
    subresource: 'status',
  };
  await changeObject(api, { ...budgetCall, tracks: false }, (old) =>
    charged(structuredClone(old) as PodDisruptionBudget, pod, api.clock.now()),
  );
}

function charged(budget: PodDisruptionBudget, pod: Pod, now: number): PodDisruptionBudget {
  const name = budget.metadata.name ?? '';
  const status = budget.status;
  if (!status || (status.observedGeneration ?? 0) < (budget.metadata.generation ?? 0))
    throw unprocessed(budget);
  const refuse = (why: string): StatusError =>
    forbidden({ group: 'policy', resource: 'poddisruptionbudget' }, name, why);
  if (status.disruptionsAllowed < 0) throw refuse('pdb disruptions allowed is negative');
  if (Object.keys(status.disruptedPods ?? {}).length > MAX_DISRUPTED)
    throw refuse('DisruptedPods map too big - too many evictions not confirmed by PDB controller');
  if (status.disruptionsAllowed === 0) throw tooMany(whyNone(name, status), 0);
  status.disruptionsAllowed -= 1;
  if (status.disruptionsAllowed === 0) {
    const { observedGeneration } = status;
    status.conditions = (status.conditions ?? []).map((condition) =>
      condition.type === 'DisruptionAllowed' && condition.status !== 'False'
        ? { ...NONE_LEFT, observedGeneration, lastTransitionTime: timestamp(now) }
        : condition,
    );
  }
  status.disruptedPods = { ...status.disruptedPods, [pod.metadata.name ?? '']: timestamp(now) };
  return budget;
}

const NONE_LEFT = {
  type: 'DisruptionAllowed',
  status: 'False',
  reason: 'InsufficientPods',
  message: '',
} as const;

function whyNone(
  name: string,
  { conditions, desiredHealthy, currentHealthy }: PodDisruptionBudgetStatus,
): string {
  const said = conditions?.find(({ type, status }) => type === 'DisruptionAllowed' && status === 'False');
  const none = `The disruption budget ${name} does not allow evicting pods currently`;
  if (said?.message && said.reason === 'SyncFailed') return `${none} because it failed sync: ${said.message}`;
  if (currentHealthy <= desiredHealthy)
    return `The disruption budget ${name} needs ${desiredHealthy} healthy pods and has ${currentHealthy} currently`;
  return said?.message ? `${none} (${said.reason}): ${said.message}` : none;
}

/** The disruption controller has not looked at it yet. */
const unprocessed = ({ metadata }: PodDisruptionBudget): StatusError =>
  tooMany(`The disruption budget ${metadata.name} is still being processed by the server.`, 10);

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
