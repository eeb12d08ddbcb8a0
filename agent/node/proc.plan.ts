/** Texts of /proc and /sys, read. */

/** Bytes of all interfaces but the loopback and what pods hang on: `/proc/net/dev`. */
export function parseNetDev(text: string): { receivedBytes: number; sentBytes: number } {
  let receivedBytes = 0;
  let sentBytes = 0;
  for (const line of text.split('\n')) {
    const [name, rest] = line.split(':');
    if (name === undefined || rest === undefined) continue;
    if (/^(lo|veth.*|cni.*|docker.*|flannel.*|vxlan.*)$/.test(name.trim())) continue;
    const fields = rest.trim().split(/\s+/).map(Number);
    receivedBytes += fields[0] ?? 0;
    sentBytes += fields[8] ?? 0;
  }
  return { receivedBytes, sentBytes };
}

/** `KEY="value"` lines of `/etc/os-release`. */
export function parseOsRelease(text: string): ReadonlyMap<string, string> {
  const pairs = text.split('\n').map((line) => /^(\w+)=(?:"(.*)"|(.*))$/.exec(line.trim()));
  return new Map(pairs.flatMap((m) => (m?.[1] ? [[m[1], m[2] ?? m[3] ?? '']] : [])));
}

/** `0.20 0.18 0.12 1/80 11206`: the load of the last minute and how many threads there are. */
export function parseLoadAvg(text: string): { load1: number; threads: number } {
  const [load, , , counts = ''] = text.trim().split(/\s+/);
  return { load1: Number(load) || 0, threads: Number(counts.split('/')[1]) || 0 };
}

/** The firmware writes hexadecimal with or without `0x`. */
export function parseThrottled(text: string): number | undefined {
  const bits = Number.parseInt(text.trim(), 16);
  return Number.isNaN(bits) ? undefined : bits;
}

/** Millidegrees, as every thermal zone has them. */
export function parseMillidegrees(text: string): number | undefined {
  const value = Number(text.trim());
  return text.trim() === '' || Number.isNaN(value) ? undefined : value / 1000;
}

/** Nanoseconds that all cores have worked since boot: `/proc/stat`, which counts in hundredths of a second. */
export function parseBusyNs(text: string): number {
  const fields = /^cpu +(.*)$/m.exec(text)?.[1]?.split(' ').map(Number) ?? [];
  // user nice system idle iowait irq softirq steal; guests are in user already.
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = fields;
  return (user + nice + system + irq + softirq) * 10_000_000;
}

/** Bytes that nobody could have without taking them from somebody: `/proc/meminfo`. */
export function parseWorkingSet(text: string): number {
  const of = (name: string): number => Number(new RegExp(`^${name}: +(\\d+) kB`, 'm').exec(text)?.[1] ?? 0);
  return Math.max(0, of('MemTotal') - of('MemAvailable')) * 1024;
}

/** Where what is written to an overlay root goes: `/proc/PID/mountinfo`; undefined for a root of another sort. */
export function parseUpperFolder(text: string): string | undefined {
  const root = text.split('\n').find((line) => / - overlay /.test(line) && line.split(' ')[4] === '/');
  return /[ ,]upperdir=([^,\s]+)/.exec(root ?? '')?.[1];
}
