import { toleratesTaint } from '../filter/taint-toleration.ts';
import { normalize, type Score } from './score.ts';

/** `PreferNoSchedule` taints that the Pod does not tolerate: fewer are better. */
export const preferUntainted: Score = {
  name: 'TaintToleration',
  weight: 3,
  scores: ({ pod }, fitting) =>
    normalize(
      fitting.map(
        ({ node }) =>
          (node.spec.taints ?? []).filter(
            (taint) => taint.effect === 'PreferNoSchedule' && !toleratesTaint(pod.spec.tolerations, taint),
          ).length,
      ),
      true,
    ),
};
