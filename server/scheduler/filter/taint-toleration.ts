import type { Taint, Toleration } from '#proto/schema/generated/core-v1.ts';
import { type Filter, refusal } from './filter.ts';

/** Rule: core/v1 Toleration.ToleratesTaint. An empty key with Exists tolerates everything. */
export function tolerates(toleration: Toleration, taint: Taint): boolean {
  if (toleration.effect && toleration.effect !== taint.effect) return false;
  if (toleration.key && toleration.key !== taint.key) return false;
  if (toleration.operator === 'Exists') return true;
  return !!toleration.key && (toleration.value ?? '') === (taint.value ?? '');
}

export const toleratesTaint = (tolerations: readonly Toleration[] | undefined, taint: Taint): boolean =>
  (tolerations ?? []).some((toleration) => tolerates(toleration, taint));

const UNTOLERATED = refusal('node(s) had untolerated taint(s)');

export const taintToleration: Filter = {
  name: 'TaintToleration',
  prepare: ({ pod }) => {
    const { tolerations } = pod.spec;
    return ({ taints }) => {
      for (const taint of taints) if (!toleratesTaint(tolerations, taint)) return UNTOLERATED;
      return undefined;
    };
  },
};
