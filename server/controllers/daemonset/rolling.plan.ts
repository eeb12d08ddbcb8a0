/**
 * Which old Pods go and which nodes get a second Pod. Rule: upstream's `pkg/controller/daemon/update.go`.
 * - Without surge: at most `maxUnavailable` nodes are without an available Pod. Old Pods that are not
 *   available go at once, since nothing is lost with them; unlike upstream's they count, so that a newer
 *   template in the middle of a rollout takes no more nodes away than one does.
 * - With surge: an old Pod goes when its successor beside it is available; at most `maxSurge` successors
 *   are under way at once. An old Pod that is not available is not waited for.
 */
import type { DaemonSet } from '#proto/schema/generated/apps-v1.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import type { Budget } from '#server/controllers/daemonset/budget.plan.ts';
import { isUpdated } from '#server/controllers/daemonset/daemon-pod.plan.ts';
import { isAvailable, type NodePods } from '#server/controllers/daemonset/node-pods.plan.ts';

export interface RollingPlan {
  /** Names of nodes. */
  readonly create: readonly string[];
  readonly delete: readonly Pod[];
}

export interface RollingInput {
  readonly set: DaemonSet;
  readonly hash: string;
  readonly nodes: readonly NodePods[];
  readonly budget: Budget;
  readonly now: number;
}

/** At most one old and one new Pod that stay; undefined where there are more, which somebody else tidies up. */
interface Pair {
  readonly fresh: Pod | undefined;
  readonly old: Pod | undefined;
}

function pairOf(set: DaemonSet, pods: readonly Pod[], hash: string): Pair | undefined {
  const staying = pods.filter((pod) => !pod.metadata.deletionTimestamp);
  const fresh = staying.filter((pod) => isUpdated(set, pod, hash));
  const old = staying.filter((pod) => !isUpdated(set, pod, hash));
  return fresh.length > 1 || old.length > 1 ? undefined : { fresh: fresh[0], old: old[0] };
}

export const planRolling = (input: RollingInput): RollingPlan =>
  input.budget.maxSurge > 0 ? withSurge(input) : withoutSurge(input);

function withoutSurge({ set, hash, nodes, budget, now }: RollingInput): RollingPlan {
  let unavailable = 0;
  const broken: Pod[] = [];
  const candidates: Pod[] = [];
  for (const { shouldRun, pods } of nodes) {
    if (!shouldRun && pods.length === 0) continue;
    const { fresh, old } = pairOf(set, pods, hash) ?? {};
    if (old && !fresh) (isAvailable(set, old, now) ? candidates : broken).push(old);
    else if (old || !fresh || !isAvailable(set, fresh, now)) unavailable += 1;
  }
  const left = Math.max(0, budget.maxUnavailable - unavailable - broken.length);
  return { create: [], delete: [...broken, ...candidates.slice(0, left)] };
}

function withSurge({ set, hash, nodes, budget, now }: RollingInput): RollingPlan {
  const done: Pod[] = [];
  const leaving: Pod[] = [];
  const urgent: string[] = [];
  const candidates: string[] = [];
  let surging = 0;
  let available = 0;
  for (const { name, shouldRun, pods } of nodes) {
    const pair = pairOf(set, pods, hash);
    if (!pair) {
      surging += 1;
      continue;
    }
    const { fresh, old } = pair;
    const speaker = old ?? fresh;
    if (speaker && isAvailable(set, speaker, now)) available += 1;
    if (!old) continue;
    if (fresh) {
      if (isAvailable(set, fresh, now)) done.push(old);
      else surging += 1;
    } else if (!shouldRun) (isAvailable(set, old, now) ? leaving : done).push(old);
    else (isAvailable(set, old, now) ? candidates : urgent).push(name);
  }
  const desired = nodes.filter(({ shouldRun }) => shouldRun).length;
  const spare = Math.max(0, available - (desired - budget.maxUnavailable));
  const left = Math.max(0, budget.maxSurge - surging);
  return { create: [...urgent, ...candidates.slice(0, left)], delete: [...done, ...leaving.slice(0, spare)] };
}
