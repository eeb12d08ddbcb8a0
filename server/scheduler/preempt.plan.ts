/**
 * Who has to go, so that a Pod of higher priority gets a place: on one node, as few as possible, the least important first,
 * and such that disruption budgets hold if that is possible at all. Rule: upstream's DefaultPreemption.
 */
import type { PodDisruptionBudget } from '#proto/schema/generated/policy-v1.ts';
import { matchesSelector, selectsEverything } from '#server/controllers/label-selector.ts';
import type { Cluster } from './cluster.plan.ts';
import type { Filter, Refusal } from './filter/filter.ts';
import { refusal } from './filter/filter.ts';
import { type Checks, Diagnosis, prepare, whyNot } from './fit.plan.ts';
import type { FitMemory } from './fit-memory.plan.ts';
import type { NodeInfo } from './node-info.plan.ts';
import type { PodInfo } from './pod-info.plan.ts';

export interface PreemptInput {
  readonly pod: PodInfo;
  readonly cluster: Cluster;
  readonly filters: readonly Filter[];
  /** Nodes where it may help that Pods go. */
  readonly resolvable: readonly NodeInfo[];
  /** Where others were sent away for it before. */
  readonly nominatedNode?: string | undefined;
  readonly memory?: FitMemory;
  /** Uids of Pods that are being sent away, whether their objects show it yet or not. */
  readonly leaving: ReadonlySet<string>;
  /** In [0, 1): where to begin, since in a large cluster not all nodes are tried. */
  readonly random: () => number;
}

export interface Candidate {
  readonly nodeName: string;
  /** The most important first; never none. */
  readonly victims: readonly PodInfo[];
  /** Victims that a budget would rather keep. */
  readonly violations: number;
  /** Smaller is better, the first figure that differs counts. */
  readonly rank: readonly number[];
}

export type Preemption =
  | ({ readonly type: 'preempt' } & Candidate)
  /** `clear`: what was nominated for the Pod is of no use to it any more. */
  | { readonly type: 'none'; readonly message: string; readonly clear: boolean };

const NOT_HELPFUL = refusal('Preemption is not helpful for scheduling');
const NO_VICTIMS = refusal('No preemption victims found for incoming pod');
/** Of the nodes that come into question, a tenth is enough to choose from, but not fewer than these. Upstream's defaults. */
const MIN_CANDIDATES = 100;
const MIN_CANDIDATES_SHARE = 0.1;

export function preempt(input: PreemptInput): Preemption {
  const { pod, cluster, filters, resolvable, random } = input;
  const ineligible = whyNotEligible(input);
  if (ineligible) return { type: 'none', message: `preemption: ${ineligible}`, clear: false };
  const prepared = prepare(pod, cluster, filters);
  const diagnosis = new Diagnosis();
  const candidates: Candidate[] = [];
  let unviolated = 0;
  let tried = 0;
  if ('checks' in prepared && resolvable.length > 0) {
    const budgets = cluster.budgets();
    const enough = Math.max(MIN_CANDIDATES, Math.trunc(resolvable.length * MIN_CANDIDATES_SHARE));
    const remembers = prepared.local && budgets.length === 0;
    const memory = remembers ? input.memory?.of(pod, cluster.nodes.length, input.nominatedNode) : undefined;
    const find = (node: NodeInfo) => victimsOn(pod, node, prepared, budgets);
    const offset = Math.floor(random() * resolvable.length);
    for (; tried < resolvable.length && !(unviolated > 0 && candidates.length >= enough); tried++) {
      const node = resolvable[(offset + tried) % resolvable.length] as NodeInfo;
      const candidate = memory ? memory.victims.of(node, find) : find(node);
      if ('reasons' in candidate) diagnosis.add({ by: '', refusal: candidate });
      else {
        candidates.push(candidate);
        if (candidate.violations === 0) unviolated++;
      }
    }
  }
  if (candidates.length > 0) return { type: 'preempt', ...bestOf(candidates) };
  const others = cluster.nodes.length - tried;
  if (others > 0) diagnosis.add({ by: '', refusal: NOT_HELPFUL }, others);
  return { type: 'none', message: `preemption: ${diagnosis.message(cluster.nodes.length)}`, clear: true };
}

/** One who waits already for those whom it has sent away does not send more. */
function whyNotEligible({
  pod,
  cluster,
  nominatedNode,
  resolvable,
  leaving,
}: PreemptInput): string | undefined {
  if (pod.pod.spec.preemptionPolicy === 'Never') return 'not eligible due to preemptionPolicy=Never.';
  const node = nominatedNode === undefined ? undefined : cluster.node(nominatedNode);
  // Where that node is of no use to it whoever goes, it may look for another.
  if (!node || !resolvable.includes(node)) return undefined;
  const waits = node.pods.some(
    (other) => other.priority < pod.priority && (leaving.has(other.uid) || leavesForPreemption(other)),
  );
  return waits ? 'not eligible due to a terminating pod on the nominated node.' : undefined;
}

export const leavesForPreemption = ({ pod: { metadata, status } }: PodInfo): boolean =>
  metadata.deletionTimestamp !== undefined &&
  (status?.conditions ?? []).some(
    ({ type, status: is, reason }) =>
      type === 'DisruptionTarget' && is === 'True' && reason === 'PreemptionByScheduler',
  );

/** Everybody less important goes; then as many as possible come back, the most important first. */
function victimsOn(
  pod: PodInfo,
  node: NodeInfo,
  { checks }: Checks,
  budgets: readonly PodDisruptionBudget[],
): Candidate | Refusal {
  const potential = node.pods.filter(({ priority }) => priority < pod.priority);
  if (potential.length === 0) return NO_VICTIMS;
  const there = node.copy();
  for (const { uid } of potential) there.remove(uid);
  const removed = new Set(potential);
  const refuses = () => whyNot(pod, there, checks, { added: [], removed: [...removed] });
  const refused = refuses();
  if (refused) return refused.refusal;
  potential.sort(byImportance);
  const [violating, harmless] = splitByBudget(potential, budgets);
  const staysOut = (other: PodInfo): boolean => {
    there.add(other);
    removed.delete(other);
    if (!refuses()) return false;
    there.remove(other.uid);
    removed.add(other);
    return true;
  };
  const violated = violating.filter(staysOut);
  const victims = [...violated, ...harmless.filter(staysOut)].sort(byImportance);
  if (victims.length === 0) return NO_VICTIMS;
  return candidateOf(node.name, victims, violated.length);
}

/** Pods that have not started come last. */
const startOf = ({ pod }: PodInfo): string => pod.status?.startTime ?? '~';

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Higher priority first; of equals, the one that has run longer. */
const byImportance = (a: PodInfo, b: PodInfo): number =>
  b.priority - a.priority || compare(startOf(a), startOf(b));

/** Whom budgets would rather keep, and the others, in the order given. */
function splitByBudget(
  victims: readonly PodInfo[],
  budgets: readonly PodDisruptionBudget[],
): readonly [violating: readonly PodInfo[], harmless: readonly PodInfo[]] {
  if (budgets.length === 0) return [[], victims];
  const allowed = budgets.map(({ status }) => status?.disruptionsAllowed ?? 0);
  const violating: PodInfo[] = [];
  const harmless: PodInfo[] = [];
  for (const victim of victims) {
    let violates = false;
    for (const [i, { metadata, spec, status }] of budgets.entries()) {
      if (metadata.namespace !== victim.namespace || !victim.labels || selectsEverything(spec.selector))
        continue;
      if (!matchesSelector(spec.selector, victim.labels)) continue;
      // It is being evicted already, and was counted then.
      if (status?.disruptedPods?.[victim.pod.metadata.name ?? ''] !== undefined) continue;
      const left = (allowed[i] ?? 0) - 1;
      allowed[i] = left;
      if (left < 0) violates = true;
    }
    (violates ? violating : harmless).push(victim);
  }
  return [violating, harmless];
}

/**
 * Fewest violated budgets, then the lowest of the highest priorities, the lowest sum of priorities, the fewest victims, and
 * the one whose most important victims have started last.
 */
function candidateOf(nodeName: string, victims: readonly PodInfo[], violations: number): Candidate {
  const top = victims[0]?.priority ?? 0;
  let sum = 0;
  let earliest = Number.POSITIVE_INFINITY;
  for (const { priority, pod } of victims) {
    // Lifted above zero, so that more victims of a negative priority are not better than fewer.
    sum += priority + 2 ** 31;
    if (priority !== top) continue;
    const started = pod.status?.startTime;
    if (started !== undefined) earliest = Math.min(earliest, Date.parse(started));
  }
  return { nodeName, victims, violations, rank: [violations, top, sum, victims.length, -earliest] };
}

function bestOf(candidates: readonly Candidate[]): Candidate {
  let best = candidates[0] as Candidate;
  for (const candidate of candidates) if (isBetter(candidate, best)) best = candidate;
  return best;
}

function isBetter({ rank }: Candidate, { rank: other }: Candidate): boolean {
  for (let i = 0; i < rank.length; i++) {
    const difference = (rank[i] ?? 0) - (other[i] ?? 0);
    if (difference !== 0 && !Number.isNaN(difference)) return difference < 0;
  }
  return false;
}
