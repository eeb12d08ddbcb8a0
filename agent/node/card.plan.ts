/** How the disk under the board's data fares: what the kernel counts of it. Pure. */

/** A disk that is no disk (tmpfs, network) says nothing of itself: the fields are undefined. */
export interface CardSample {
  /** Mean time of a write of late, milliseconds. */
  readonly writeMs: number | undefined;
  /** Errors that the file system has met since it was made. */
  readonly errors: number;
  /** Of its life in percent, as the card itself estimates, in steps of ten. */
  readonly lifeUsedPercent: number | undefined;
  /** The card says that its spare blocks come to an end. */
  readonly isEndOfLife: boolean;
  readonly isReadOnly: boolean;
}

export interface WriteCounters {
  readonly writes: number;
  readonly writeMs: number;
}

/** `/sys/block/DISK/stat`. Rule: the kernel's Documentation/block/stat.rst. */
export function parseBlockStat(text: string): WriteCounters | undefined {
  const fields = text.trim().split(/\s+/).map(Number);
  const [, , , , writes, , , writeMs] = fields;
  return writes === undefined || writeMs === undefined || Number.isNaN(writes)
    ? undefined
    : { writes, writeMs };
}

/** Few writes say little: what is known already weighs the more. About a minute of samples goes into it. */
const ENOUGH_WRITES = 5;
const WEIGHT = 0.3;

/** The mean time of a write, smoothed over the samples before. */
export function smoothedWriteMs(
  before: WriteCounters | undefined,
  now: WriteCounters | undefined,
  smoothed: number | undefined,
): number | undefined {
  if (!before || !now) return smoothed;
  const writes = now.writes - before.writes;
  if (writes < ENOUGH_WRITES) return smoothed === undefined ? undefined : smoothed * (1 - WEIGHT);
  const mean = Math.max(0, now.writeMs - before.writeMs) / writes;
  return smoothed === undefined ? mean : smoothed * (1 - WEIGHT) + mean * WEIGHT;
}

/** `0x02 0x01`, tenths of the life of the two areas of a card; 0 where it does not say. Rule: JEDEC eMMC 5.0, EXT_CSD 268/269. */
export function parseLifeTime(text: string): number | undefined {
  const areas = text
    .trim()
    .split(/\s+/)
    .map((part) => Number.parseInt(part, 16))
    .filter((value) => value > 0);
  return areas.length === 0 ? undefined : Math.min(110, Math.max(...areas) * 10);
}

/** `0x01` normal, `0x02` 80 % of the spare blocks used, `0x03` 90 %. Rule: EXT_CSD 267. */
export const parseEndOfLife = (text: string): boolean => Number.parseInt(text.trim(), 16) >= 2;
