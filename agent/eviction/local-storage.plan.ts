/** Limits on what a Pod may write to the board's disk. Pure. Rule: the kubelet's `localStorageEviction`. */
import { podAmounts } from '#proto/api/core/amounts.ts';
import { canonicalQuantity, quantityValue } from '#proto/meta/quantity.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import type { DiskUse } from './rank.plan.ts';

const EPHEMERAL = 'ephemeral-storage';

export interface LocalUse {
  readonly volumes: ReadonlyMap<string, DiskUse>;
  /** Layer and logs, by container. */
  readonly containers: ReadonlyMap<string, DiskUse>;
}

/** Whether anything has to be measured for the Pod at all. */
export const hasLocalLimits = ({ spec }: Pod): boolean =>
  (spec.volumes ?? []).some(
    ({ emptyDir }) => emptyDir?.sizeLimit !== undefined && emptyDir.medium !== 'Memory',
  ) || spec.containers.some(({ resources }) => resources?.limits?.[EPHEMERAL] !== undefined);

/** Why the Pod has to go, in upstream's words; undefined: it keeps its limits. */
export function localStorageVerdict({ spec }: Pod, use: LocalUse): string | undefined {
  for (const { name, emptyDir } of spec.volumes ?? []) {
    const limit = emptyDir?.sizeLimit;
    if (limit === undefined || quantityValue(limit) <= 0) continue;
    if ((use.volumes.get(name)?.bytes ?? 0) > quantityValue(limit))
      return `Usage of EmptyDir volume ${JSON.stringify(name)} exceeds the limit ${JSON.stringify(canonicalQuantity(limit))}. `;
  }
  const limits = spec.containers.flatMap(({ name, resources }) => {
    const limit = resources?.limits?.[EPHEMERAL];
    return limit !== undefined && quantityValue(limit) > 0 ? [{ name, limit }] : [];
  });
  const total = podAmounts(spec, 'limits')[EPHEMERAL];
  const used = [...use.volumes.values(), ...use.containers.values()].reduce(
    (sum, { bytes }) => sum + bytes,
    0,
  );
  if (total !== undefined && used > quantityValue(total))
    return `Pod ephemeral local storage usage exceeds the total limit of containers ${canonicalQuantity(total)}. `;
  for (const { name, limit } of limits) {
    if ((use.containers.get(name)?.bytes ?? 0) > quantityValue(limit))
      return `Container ${name} exceeded its local ephemeral storage limit ${JSON.stringify(canonicalQuantity(limit))}. `;
  }
  return undefined;
}
