import { matchesTerm } from '../filter/node-affinity.ts';
import { normalize, type Score } from './score.ts';

export const preferredNodeAffinity: Score = {
  name: 'NodeAffinity',
  weight: 2,
  scores: (pod, infos) => {
    const preferred = pod.spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
    return normalize(
      infos.map(({ node }) =>
        preferred.reduce(
          (sum, { weight, preference }) => sum + (matchesTerm(preference, node) ? weight : 0),
          0,
        ),
      ),
    );
  },
};
