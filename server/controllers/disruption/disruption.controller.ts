import { deployments } from '#proto/api/apps/deployments.ts';
import { replicasets } from '#proto/api/apps/replicasets.ts';
import { statefulsets } from '#proto/api/apps/statefulsets.ts';
import { pods } from '#proto/api/core/pods.ts';
import { replicationcontrollers } from '#proto/api/core/replicationcontrollers.ts';
import { poddisruptionbudgets } from '#proto/api/policy/poddisruptionbudgets.ts';
import { keyOf } from '#proto/meta/object.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import { indexByNamespace } from '#server/client/object-cache.ts';
import type { Outcome } from '#server/client/work-queue.ts';
import type { Controller, ControllerContext } from '#server/controllers/context.ts';
import { createQueue } from '#server/controllers/context.ts';
import { planDisruption } from '#server/controllers/disruption/disruption.plan.ts';
import { equalJson } from '#server/controllers/json.ts';
import { matchesSelector } from '#server/controllers/label-selector.ts';
import { controllerOf } from '#server/controllers/ownership.ts';

/** Keeps `status.disruptionsAllowed`, by which the API server grants evictions. */
export function createDisruptionController(context: ControllerContext): Controller {
  const { client, clock, informers } = context;
  const budgets = informers.for(poddisruptionbudgets);
  budgets.addIndex('namespace', indexByNamespace);
  const allPods = informers.for(pods);
  allPods.addIndex('namespace', indexByNamespace);
  const sets = informers.for(replicasets);
  const parents = informers.for(deployments);
  const stateful = informers.for(statefulsets);
  const controllers = informers.for(replicationcontrollers);

  /** Whose pod it is in the end, and how many that one wants. */
  const scaleOf = (pod: Pod): { uid: string; replicas: number } | undefined => {
    const owner = controllerOf(pod);
    if (!owner) return undefined;
    const key = `${pod.metadata.namespace}/${owner.name}`;
    if (owner.kind === 'ReplicaSet') {
      const set = sets.get(key);
      const parent = set && controllerOf(set);
      const deployment = parent && parents.get(`${pod.metadata.namespace}/${parent.name}`);
      if (deployment) return { uid: parent.uid, replicas: deployment.spec.replicas ?? 1 };
      return set && { uid: owner.uid, replicas: set.spec.replicas ?? 1 };
    }
    const other = owner.kind === 'StatefulSet' ? stateful.get(key) : undefined;
    const controller = owner.kind === 'ReplicationController' ? controllers.get(key) : undefined;
    const found = other ?? controller;
    return found && { uid: owner.uid, replicas: found.spec.replicas ?? 1 };
  };

  const queue = createQueue(context, 'disruption', async (key): Promise<Outcome> => {
    const budget = budgets.get(key);
    if (!budget || budget.metadata.deletionTimestamp) return undefined;
    const selected = allPods
      .byIndex('namespace', budget.metadata.namespace ?? '')
      .filter((pod) => matchesSelector(budget.spec.selector, pod.metadata.labels));
    const scales = new Map<string, number>();
    for (const pod of selected) {
      const scale = scaleOf(pod);
      if (scale) scales.set(scale.uid, scale.replicas);
    }
    const expectedByControllers = [...scales.values()].reduce((sum, replicas) => sum + replicas, 0);
    const plan = planDisruption({ budget, pods: selected, expectedByControllers, now: clock.now() });
    if (!equalJson(plan.status, budget.status)) {
      // With its revision: an eviction that is granted meanwhile must not be forgotten.
      const next = { ...budget, status: plan.status };
      await client.update(poddisruptionbudgets, next, { subresource: 'status' });
    }
    return plan.requeueAfterMs === undefined ? undefined : { requeueAfterMs: plan.requeueAfterMs };
  });

  budgets.onChange((_type, budget) => queue.add(keyOf(budget)));
  const touch = (namespace: string | undefined, labels?: Record<string, string>): void => {
    for (const budget of budgets.byIndex('namespace', namespace ?? '')) {
      if (!labels || matchesSelector(budget.spec.selector, labels)) queue.add(keyOf(budget));
    }
  };
  allPods.onChange((_type, pod, old) => {
    touch(pod.metadata.namespace, pod.metadata.labels ?? {});
    if (old) touch(old.metadata.namespace, old.metadata.labels ?? {});
  });
  for (const informer of [parents, stateful, controllers, sets]) {
    informer.onChange(
      (
        type: string,
        object: { metadata: { namespace?: string | undefined; generation?: number | undefined } },
        old?: { metadata: { generation?: number | undefined } },
      ) => {
        if (type !== 'MODIFIED' || object.metadata.generation !== old?.metadata.generation) {
          touch(object.metadata.namespace);
        }
      },
    );
  }
  return { start: (signal) => queue.start(signal) };
}
