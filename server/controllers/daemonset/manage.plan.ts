/** One Pod on each node where one belongs, none where none may stay, and ended ones made anew. */
import type { DaemonSet } from '#proto/schema/generated/apps-v1.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import type { EventWords } from '#server/client/event-words.ts';
import { allowsSurge } from '#server/controllers/daemonset/budget.plan.ts';
import { isUpdated } from '#server/controllers/daemonset/daemon-pod.plan.ts';
import { failedPod, succeededPod } from '#server/controllers/daemonset/daemonset.events.ts';
import { isAvailable, type NodePods } from '#server/controllers/daemonset/node-pods.plan.ts';
import { isPodReady, isPodTerminal } from '#server/controllers/pod-state.ts';

export interface ManagePlan {
  /** Names of nodes. */
  readonly create: readonly string[];
  readonly delete: readonly Pod[];
  readonly events: readonly EventWords[];
  /** Nodes whose Pod failed and is deleted now: the next time waits longer. */
  readonly failedOn: readonly string[];
  /** When a failed Pod's back-off ends. */
  readonly requeueAfterMs: number | undefined;
}

export interface ManageInput {
  readonly set: DaemonSet;
  readonly hash: string;
  /** How long failed Pods of this node are left alone from now on. */
  readonly backoffMs: (nodeName: string) => number;
  readonly now: number;
}

export function planManage(input: ManageInput, nodes: readonly NodePods[]): ManagePlan {
  const plans = nodes.map((node) => planNode(input, node));
  const waits = plans.flatMap(({ requeueAfterMs }) => requeueAfterMs ?? []);
  return {
    create: plans.flatMap(({ create }) => create),
    delete: plans.flatMap((plan) => plan.delete),
    events: plans.flatMap(({ events }) => events),
    failedOn: plans.flatMap(({ failedOn }) => failedOn),
    requeueAfterMs: waits.length > 0 ? Math.min(...waits) : undefined,
  };
}

const NOTHING: ManagePlan = { create: [], delete: [], events: [], failedOn: [], requeueAfterMs: undefined };

function planNode(input: ManageInput, node: NodePods): ManagePlan {
  const { name, pods, shouldRun, mayStay } = node;
  if (shouldRun && pods.length === 0) return { ...NOTHING, create: [name] };
  const staying = pods.filter((pod) => !pod.metadata.deletionTimestamp);
  if (!mayStay) return { ...NOTHING, delete: staying };
  const { ended, plan } = planEnded(input, node, staying);
  const running = staying.filter((pod) => !ended.includes(pod));
  const surge = allowsSurge(input.set);
  const create = surge && running.length === 0 && shouldRun && ended.length === 0 ? [name] : [];
  const surplus = surge ? surplusOfPair(input, running) : running.slice(1);
  return { ...plan, create, delete: [...plan.delete, ...surplus] };
}

/** A Pod that failed again and again on its node must not be made again and again: its node may be why. */
function planEnded(
  { backoffMs }: ManageInput,
  { name }: NodePods,
  staying: readonly Pod[],
): { ended: readonly Pod[]; plan: ManagePlan } {
  const ended = staying.filter(isPodTerminal);
  const wait = backoffMs(name);
  const failed = ended.filter((pod) => pod.status?.phase === 'Failed');
  const succeeded = ended.filter((pod) => pod.status?.phase === 'Succeeded');
  const doomed = wait > 0 ? [] : failed;
  const plan = {
    create: [],
    delete: [...doomed, ...succeeded],
    events: [
      ...doomed.map((pod) => failedPod(pod, name)),
      ...succeeded.map((pod) => succeededPod(pod, name)),
    ],
    failedOn: doomed.length > 0 ? [name] : [],
    requeueAfterMs: failed.length > 0 && wait > 0 ? wait : undefined,
  };
  return { ended, plan };
}

/** Two may stay: the oldest old one while it is ready, and the oldest new one until it is available. */
function surplusOfPair({ set, hash, now }: ManageInput, running: readonly Pod[]): readonly Pod[] {
  if (running.length <= 1) return [];
  const [fresh, ...moreFresh] = running.filter((pod) => isUpdated(set, pod, hash));
  const [old, ...moreOld] = running.filter((pod) => !isUpdated(set, pod, hash));
  const replaced = old && fresh && (!isPodReady(old) || isAvailable(set, fresh, now));
  return [...moreFresh, ...moreOld, ...(replaced ? [old] : [])];
}
