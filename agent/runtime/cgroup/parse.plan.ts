import type { CgroupDetails, Stalls } from './cgroups.ts';

/** `key value` lines of `memory.stat`, `cpu.stat` and the like. */
export function flatKeyed(text: string): ReadonlyMap<string, number> {
  const entries = text
    .split('\n')
    .map((line) => line.split(' '))
    .filter((parts) => parts.length === 2);
  return new Map(entries.map(([key = '', value = '']) => [key, Number(value)]));
}

/** `io.stat` of v2, summed over all devices: `254:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0`. */
export function parseIoStat(text: string): CgroupDetails['io'] {
  const sum = (key: string): number =>
    [...text.matchAll(new RegExp(` ${key}=(\\d+)`, 'g'))].reduce((all, [, value]) => all + Number(value), 0);
  return { readBytes: sum('rbytes'), writtenBytes: sum('wbytes'), reads: sum('rios'), writes: sum('wios') };
}

/** `blkio.throttle.io_service_bytes` and its like of v1: `8:0 Read 4096` a line, summed over all devices. */
export function parseBlkio(text: string): { readonly read: number; readonly write: number } {
  const sum = (operation: string): number =>
    [...text.matchAll(new RegExp(`^\\d+:\\d+ ${operation} (\\d+)$`, 'gm'))].reduce(
      (all, [, value]) => all + Number(value),
      0,
    );
  return { read: sum('Read'), write: sum('Write') };
}

/** `cpu.pressure` and its like: the totals, which are in microseconds. CPU has had no `full` line before Linux 5.13. */
export function parsePressure(text: string): Stalls {
  const total = (line: string): number =>
    Number(new RegExp(`^${line} .*total=(\\d+)`, 'm').exec(text)?.[1] ?? 0) * 1000;
  return { someNs: total('some'), fullNs: total('full') };
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
