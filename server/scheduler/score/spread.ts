import { normalize, type Score } from './score.ts';

/**
 * Pods of one owner on different boards: fewer siblings are better. Upstream does the same by its default topology
 * spread constraints; a home cluster loses a board more often than a data centre loses a rack.
 */
export const spread: Score = {
  name: 'PodTopologySpread',
  weight: 2,
  scores: (pod, infos) => {
    const owner = pod.metadata.ownerReferences?.find((reference) => reference.controller)?.uid;
    if (!owner) return infos.map(() => 0);
    const siblings = infos.map(
      ({ pods }) =>
        pods.filter(
          (other) =>
            !other.metadata.deletionTimestamp && other.metadata.ownerReferences?.some((r) => r.uid === owner),
        ).length,
    );
    return normalize(siblings, true);
  },
};
