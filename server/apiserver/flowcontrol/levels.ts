import type { PriorityLevelConfiguration } from '#proto/schema/generated/flowcontrol-v1.ts';
import type { QueueConfig } from '#server/apiserver/flowcontrol/fair-queues.ts';

/** What of the server a priority level has, in seats. Rule: KEP-1040, `util/flowcontrol/conc_alloc.go`. */
export interface LevelLimits {
  readonly name: string;
  readonly uid: string;
  readonly isExempt: boolean;
  readonly nominal: number;
  /** Never lent to others. */
  readonly min: number;
  /** With what is borrowed from others. */
  readonly max: number;
  /** No request takes more. */
  readonly widest: number;
  /** Undefined: what finds no seat is refused. */
  readonly queuing: QueueConfig | undefined;
}

/** A request must not fill its level by itself. */
const WIDEST_SHARE = 0.15;

/** The seats of all levels, of `total`. */
export function levelLimits(
  levels: readonly PriorityLevelConfiguration[],
  total: number,
): Map<string, LevelLimits> {
  const sharesOf = ({ spec }: PriorityLevelConfiguration): number =>
    (spec?.type === 'Exempt'
      ? spec.exempt?.nominalConcurrencyShares
      : spec?.limited?.nominalConcurrencyShares) ?? 0;
  const sum = levels.reduce((all, level) => all + sharesOf(level), 0) || 1;
  return new Map(
    levels.map((level) => {
      const { metadata, spec } = level;
      const { name = '', uid = '' } = metadata;
      const nominal = Math.ceil((total * sharesOf(level)) / sum);
      const { lendablePercent = 0, borrowingLimitPercent, limitResponse } = spec?.limited ?? {};
      const most =
        borrowingLimitPercent === undefined
          ? Number.POSITIVE_INFINITY
          : nominal + Math.round((nominal * borrowingLimitPercent) / 100);
      const { queues = 64, handSize = 8, queueLengthLimit = 50 } = limitResponse?.queuing ?? {};
      return [
        name,
        {
          name,
          uid,
          isExempt: spec?.type === 'Exempt',
          nominal,
          min: nominal - Math.round((nominal * lendablePercent) / 100),
          max: most,
          widest: Math.max(1, Math.ceil(nominal * WIDEST_SHARE)),
          queuing: limitResponse?.type === 'Queue' ? { queues, handSize, queueLengthLimit } : undefined,
        },
      ];
    }),
  );
}
