import { readdir, readFile } from 'node:fs/promises';
import { type Family, family } from '#proto/metrics/exposition.ts';

/** The kernel tells CPU time to programs in hundredths of a second. */
const TICKS = 100;

/** This program, under the names that all Prometheus clients use. */
export async function processFamilies(): Promise<readonly Family[]> {
  const [stat, status, limits, system, descriptors] = await Promise.all([
    ...['/proc/self/stat', '/proc/self/status', '/proc/self/limits', '/proc/stat'].map((file) =>
      readFile(file, 'utf8').catch(() => ''),
    ),
    readdir('/proc/self/fd').catch(() => []),
  ] as const);
  const text = (value: string | readonly string[] | undefined): string =>
    typeof value === 'string' ? value : '';
  // After the command's name, which may hold spaces: utime and stime are the 12th and 13th, the start is the 20th.
  const fields = text(stat)
    .slice(text(stat).lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const bootSeconds = Number(/^btime (\d+)/m.exec(text(system))?.[1] ?? 0);
  const bytesOf = (name: string): number =>
    1024 * Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text(status))?.[1] ?? 0);
  const one = (name: string, type: 'counter' | 'gauge', help: string, value: number): Family =>
    family(name, type, help, [], () => [[[], value]]);
  return [
    one(
      'process_cpu_seconds_total',
      'counter',
      'CPU time that this program has used.',
      ((fields[11] ?? 0) + (fields[12] ?? 0)) / TICKS,
    ),
    one('process_resident_memory_bytes', 'gauge', 'Memory of this program.', bytesOf('VmRSS')),
    one(
      'process_virtual_memory_bytes',
      'gauge',
      'Addresses that this program has reserved.',
      bytesOf('VmSize'),
    ),
    one(
      'process_start_time_seconds',
      'gauge',
      'When this program started, in seconds since 1970.',
      bootSeconds + (fields[19] ?? 0) / TICKS,
    ),
    one('process_open_fds', 'gauge', 'Files and sockets that are open.', descriptors?.length ?? 0),
    one(
      'process_max_fds',
      'gauge',
      'The most files and sockets that may be open.',
      Number(/^Max open files\s+(\d+)/m.exec(text(limits))?.[1] ?? 0),
    ),
  ];
}
