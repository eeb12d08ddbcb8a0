/** All or nothing: places for the Pods of a group, one after the other, each seeing those before it. */

import type { PodInfo } from './pod-info.plan.ts';
import type { Candidate, Preemption } from './preempt.plan.ts';
import type { NoPlace, Placement } from './schedule.plan.ts';

/** A cluster in which one can try what would be. What is done there is undone by `rollback`. */
export interface Trial {
  schedule(pod: PodInfo): Placement | NoPlace;
  preempt(pod: PodInfo, noPlace: NoPlace): Preemption;
  /** The Pod is taken to be on the node. */
  place(pod: PodInfo, nodeName: string): void;
  /** The Pod is taken to be gone. */
  remove(pod: PodInfo): void;
  rollback(): void;
}

export interface GroupInput {
  /** Those that wait, in the order of their turns. */
  readonly waiting: readonly PodInfo[];
  /** How many have a node by now. */
  readonly placed: number;
  readonly trial: Trial;
}

export interface GroupAssignment {
  readonly pod: PodInfo;
  readonly nodeName: string;
}

export interface Refusals {
  readonly pod: PodInfo;
  readonly message: string;
  readonly by: ReadonlySet<string>;
}

export type GroupDecision =
  /** Enough have a place; `refused` are those beyond the minimum that have none. */
  | {
      readonly type: 'bind';
      readonly assignments: readonly GroupAssignment[];
      readonly refused: readonly Refusals[];
    }
  /** Enough would have a place once these are gone. */
  | {
      readonly type: 'preempt';
      readonly nominations: readonly GroupAssignment[];
      readonly evictions: readonly { readonly preemptor: PodInfo; readonly candidate: Candidate }[];
      readonly refused: readonly Refusals[];
    }
  | { readonly type: 'wait'; readonly refused: readonly Refusals[] };

/** The filter that a group's Pods are refused by while others of it are missing. */
export const POD_GROUP_FILTER = 'PodGroup';

const minMemberOf = (pods: readonly PodInfo[]): number =>
  pods.reduce((most, { group }) => Math.max(most, group?.minMember ?? 1), 1);

/** A trial that ends in `bind` is left as it is: its places are taken. All others are rolled back. */
export function planGroup(input: GroupInput): GroupDecision {
  const { waiting, placed, trial } = input;
  const minMember = minMemberOf(waiting);
  const missing = minMember - placed;
  if (waiting.length < missing) {
    const here = waiting.length + placed;
    return allWait(waiting, `pod group waits for its pods: ${here} of at least ${minMember} are there`);
  }
  const first = tryAll(waiting, trial, false);
  if (first.assignments.length > 0 && first.assignments.length >= missing)
    return { type: 'bind', assignments: first.assignments, refused: first.refused };
  trial.rollback();
  if (first.refused.every(({ resolvable }) => resolvable)) {
    const second = tryAll(waiting, trial, true);
    trial.rollback();
    if (second.evictions.length > 0 && second.assignments.length >= missing) {
      const { assignments: nominations, evictions, refused } = second;
      return { type: 'preempt', nominations, evictions, refused };
    }
  }
  return { type: 'wait', refused: withoutPlaces(waiting, first, minMember) };
}

interface Outcome {
  readonly assignments: readonly GroupAssignment[];
  readonly evictions: readonly { readonly preemptor: PodInfo; readonly candidate: Candidate }[];
  readonly refused: readonly (Refusals & { readonly resolvable: boolean })[];
}

function tryAll(waiting: readonly PodInfo[], trial: Trial, preempting: boolean): Outcome {
  const assignments: GroupAssignment[] = [];
  const evictions: { preemptor: PodInfo; candidate: Candidate }[] = [];
  const refused: (Refusals & { resolvable: boolean })[] = [];
  for (const pod of waiting) {
    const decision = trial.schedule(pod);
    let { nodeName } = decision.type === 'bind' ? decision : { nodeName: undefined };
    if (decision.type === 'unschedulable' && preempting) {
      const preemption = trial.preempt(pod, decision);
      if (preemption.type === 'preempt') {
        for (const victim of preemption.victims) trial.remove(victim);
        evictions.push({ preemptor: pod, candidate: preemption });
        ({ nodeName } = preemption);
      }
    }
    if (nodeName !== undefined) {
      trial.place(pod, nodeName);
      assignments.push({ pod, nodeName });
    } else if (decision.type === 'unschedulable') {
      const { message, by } = decision;
      refused.push({ pod, message, by, resolvable: decision.resolvable.length > 0 });
    }
  }
  return { assignments, evictions, refused };
}

const allWait = (waiting: readonly PodInfo[], message: string): GroupDecision => ({
  type: 'wait',
  refused: waiting.map((pod) => ({ pod, message, by: new Set([POD_GROUP_FILTER]) })),
});

/** Those that fit wait as the others do, and for what the others wait for. */
function withoutPlaces(waiting: readonly PodInfo[], first: Outcome, minMember: number): readonly Refusals[] {
  const by = new Set([POD_GROUP_FILTER, ...first.refused.flatMap((one) => [...one.by])]);
  const fit = first.assignments.length;
  return waiting.map((pod) => {
    const own = first.refused.find((one) => one.pod === pod);
    const message =
      own?.message ?? `pod group waits for room: ${fit} of at least ${minMember} pods have a place`;
    return { pod, message, by };
  });
}
