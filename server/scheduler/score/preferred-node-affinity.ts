import { matchesTerm } from '../filter/node-affinity.ts';
import { normalize, type Score } from './score.ts';

export const preferredNodeAffinity: Score = {
  name: 'NodeAffinity',
  weight: 2,
  scores: ({ pod }, fitting) => {
    const preferred = pod.spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
    if (preferred.length === 0) return undefined;
    return normalize(
      fitting.map(({ node }) =>
        preferred.reduce(
          (sum, { weight, preference }) => sum + (matchesTerm(preference, node) ? weight : 0),
          0,
        ),
      ),
    );
  },
};
