import { toleratesTaint } from '../filter/taint-toleration.ts';
import { normalize, type Score } from './score.ts';

/** `PreferNoSchedule` taints that the Pod does not tolerate: fewer are better. */
export const preferUntainted: Score = {
  name: 'TaintToleration',
  weight: 3,
  scores: ({ pod }, fitting) => {
    if (fitting.every(({ softTaints }) => softTaints.length === 0)) return undefined;
    return normalize(
      fitting.map(
        ({ softTaints }) => softTaints.filter((taint) => !toleratesTaint(pod.spec.tolerations, taint)).length,
      ),
      true,
    );
  },
};
