import { withPodCondition } from '#proto/api/core/pod-condition.ts';
import { pods } from '#proto/api/core/pods.ts';
import { poddisruptionbudgets } from '#proto/api/policy/poddisruptionbudgets.ts';
import type { Resource } from '#proto/api/resource.ts';
import { keyOf } from '#proto/meta/object.ts';
import { printedSelector } from '#proto/meta/printed-selector.ts';
import { isConflict, isNotFound } from '#proto/meta/status-error.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import type { PodDisruptionBudget, PodDisruptionBudgetStatus } from '#proto/schema/generated/policy-v1.ts';
import { indexByNamespace } from '#server/client/object-cache.ts';
import type { Outcome } from '#server/client/work-queue.ts';
import type { Controller, ControllerContext } from '#server/controllers/context.ts';
import { createQueue } from '#server/controllers/context.ts';
import {
  countFailed,
  noPods,
  notDeleted,
  unmanagedPods,
} from '#server/controllers/disruption/disruption.events.ts';
import {
  msUntilStale,
  needsExpected,
  planDisruption,
  planFailure,
} from '#server/controllers/disruption/disruption.plan.ts';
import { ExpectedPods } from '#server/controllers/disruption/expected-pods.ts';
import { equalJson } from '#server/controllers/json.ts';
import { matchesSelector } from '#server/controllers/label-selector.ts';

/**
 * Keeps `status.disruptionsAllowed`, by which the API server grants evictions, and takes back what was said of Pods
 * that were to be evicted and are still there.
 */
export function createDisruptionController(
  context: ControllerContext,
  resources: () => readonly Resource[],
): Controller {
  const { client, clock, informers } = context;
  const events = context.recorderFor('controllermanager');
  const budgets = informers.for(poddisruptionbudgets);
  budgets.addIndex('namespace', indexByNamespace);
  const allPods = informers.for(pods);
  allPods.addIndex('namespace', indexByNamespace);
  const expectedPods = new ExpectedPods(context, resources);

  const write = async (budget: PodDisruptionBudget, status: PodDisruptionBudgetStatus): Promise<void> => {
    // With its revision: an eviction that is granted meanwhile must not be forgotten.
    await client.update(poddisruptionbudgets, { ...budget, status }, { subresource: 'status' });
  };

  const queue = createQueue(context, 'disruption', async (key): Promise<Outcome> => {
    const budget = budgets.get(key);
    if (!budget || budget.metadata.deletionTimestamp) return undefined;
    const selected = allPods
      .byIndex('namespace', budget.metadata.namespace ?? '')
      .filter((pod) => matchesSelector(budget.spec.selector, pod.metadata.labels));
    let count: Awaited<ReturnType<ExpectedPods['of']>> | undefined;
    try {
      if (needsExpected(budget)) count = await expectedPods.of(selected);
    } catch (err) {
      const message = err instanceof Error ? err.message : String(err);
      const status = planFailure(budget, message, clock.now());
      if (equalJson(status, budget.status)) return undefined;
      events.event(budget, countFailed(message));
      return write(budget, status);
    }
    const plan = planDisruption({ budget, pods: selected, expected: count?.expected, now: clock.now() });
    for (const pod of plan.notDeleted) events.event(pod, notDeleted(budget));
    if (!equalJson(plan.status, budget.status)) {
      if (selected.length === 0) events.event(budget, noPods);
      if (count?.unmanaged) events.event(budget, unmanagedPods(printedSelector(budget.spec.selector)));
      await write(budget, plan.status);
    }
    return plan.requeueAfterMs === undefined ? undefined : { requeueAfterMs: plan.requeueAfterMs };
  });

  const stale = createQueue(context, 'stale-disruption', async (key): Promise<Outcome> => {
    const pod = allPods.get(key);
    const left = pod && msUntilStale(pod, clock.now());
    if (!pod || left === undefined) return undefined;
    if (left > 0) return { requeueAfterMs: left };
    const { namespace, name = '', uid, resourceVersion } = pod.metadata;
    const cleared = { type: 'DisruptionTarget', status: 'False', reason: undefined, message: undefined };
    const conditions = withPodCondition(pod, cleared, clock.now());
    const body = { metadata: { uid, resourceVersion }, status: { conditions } };
    try {
      await client.patch(pods, { namespace, name }, 'merge', body, { subresource: 'status' });
    } catch (err) {
      // Somebody came between: the change will come here, too.
      if (!isNotFound(err) && !isConflict(err)) throw err;
    }
    return undefined;
  });

  budgets.onChange((_type, budget) => queue.add(keyOf(budget)));
  const touch = ({ metadata: { namespace = '', labels = {} } }: Pod): void => {
    for (const budget of budgets.byIndex('namespace', namespace)) {
      if (matchesSelector(budget.spec.selector, labels)) queue.add(keyOf(budget));
    }
  };
  allPods.onChange((type, pod, old) => {
    touch(pod);
    if (old && !equalJson(old.metadata.labels, pod.metadata.labels)) touch(old);
    if (type !== 'DELETED' && msUntilStale(pod, clock.now()) !== undefined) stale.add(keyOf(pod));
  });
  expectedPods.onChange((namespace) => {
    for (const budget of budgets.byIndex('namespace', namespace)) queue.add(keyOf(budget));
  });
  return {
    start: (signal) => {
      queue.start(signal);
      stale.start(signal);
    },
  };
}
