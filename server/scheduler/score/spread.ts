import type { Node, Pod } from '#proto/schema/generated/core-v1.ts';
import { allows } from '../filter/node-affinity.ts';
import type { NodeInfo } from '../node-info.plan.ts';
import { MAX_SCORE, type Score } from './score.ts';

const ZONE = 'topology.kubernetes.io/zone';
/** How uneven may it be before it counts? Upstream's default constraints. */
const MAX_SKEW = { node: 3, zone: 5 };

/**
 * Pods of one owner on different nodes, and in different zones where nodes are labelled so: fewer siblings are better. Rule:
 * upstream's default topology spread constraints; siblings are told by their owner instead of by its selector, which saves
 * the scheduler a watch on every kind that may own Pods.
 */
export const spread: Score = {
  name: 'PodTopologySpread',
  weight: 2,
  scores: ({ pod }, fitting, all) => {
    const owner = pod.metadata.ownerReferences?.find((reference) => reference.controller)?.uid;
    if (!owner) return fitting.map(() => 0);
    const zones = siblingsByZone(pod, owner, fitting, all);
    const perNode = Math.log(fitting.length + 2);
    const perZone = Math.log(zones.size + 2);
    return fewerIsBetter(
      fitting.map((info) => {
        const inZone = zones.get(zoneOf(info.node) ?? '');
        const forZone = inZone === undefined ? 0 : inZone * perZone + MAX_SKEW.zone - 1;
        return Math.round(siblingsOn(info, owner) * perNode + MAX_SKEW.node - 1 + forZone);
      }),
    );
  },
};

/** The zones where the Pod may go now, with the siblings on all nodes there that its selector allows. */
function siblingsByZone(
  pod: Pod,
  owner: string,
  fitting: readonly NodeInfo[],
  all: readonly NodeInfo[],
): ReadonlyMap<string, number> {
  const zones = new Map<string, number>();
  for (const { node } of fitting) {
    const zone = zoneOf(node);
    if (zone) zones.set(zone, 0);
  }
  if (zones.size === 0) return zones;
  for (const info of all) {
    const zone = zoneOf(info.node) ?? '';
    const known = zones.get(zone);
    if (known !== undefined && allows(pod, info.node)) zones.set(zone, known + siblingsOn(info, owner));
  }
  return zones;
}

const zoneOf = (node: Node): string | undefined => node.metadata.labels?.[ZONE];

/** Those that are on their way out don't count. */
function siblingsOn({ pods }: NodeInfo, owner: string): number {
  let count = 0;
  for (const { metadata } of pods)
    if (!metadata.deletionTimestamp && metadata.ownerReferences?.some((r) => r.uid === owner)) count++;
  return count;
}

/** The fewest get 100; close counts stay close. */
function fewerIsBetter(raw: readonly number[]): number[] {
  const most = Math.max(...raw);
  const fewest = Math.min(...raw);
  return raw.map((count) =>
    most === 0 ? MAX_SCORE : Math.trunc((MAX_SCORE * (most + fewest - count)) / most),
  );
}
