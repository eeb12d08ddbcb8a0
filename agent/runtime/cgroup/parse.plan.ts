/** `key value` lines of `memory.stat`, `cpu.stat` and the like. */
export function flatKeyed(text: string): ReadonlyMap<string, number> {
  const entries = text
    .split('\n')
    .map((line) => line.split(' '))
    .filter((parts) => parts.length === 2);
  return new Map(entries.map(([key = '', value = '']) => [key, Number(value)]));
}

/** As runc and crun convert: shares 2…262144 become a weight 1…10000. */
export function weightOfShares(shares: number): number {
  const clamped = Math.min(262_144, Math.max(2, shares));
  return Math.floor(1 + ((clamped - 2) * 9999) / 262_142);
}

/** Usage less the file pages that were not used lately. */
export function workingSet(usageBytes: number, inactiveFileBytes: number): number {
  return Math.max(0, usageBytes - inactiveFileBytes);
}
