/**
 * The board as series under node_exporter's names, so that the dashboards people have show it: texts of /proc and /sys in,
 * families out. What a board does not have (a thermal zone, a disk) has no series.
 */
import { type Family, family, type LabelValues } from '#proto/metrics/exposition.ts';

export interface BoardTexts {
  /** `/proc/stat`, `/proc/meminfo`, `/proc/loadavg`, `/proc/net/dev`, `/proc/diskstats`, `/proc/sys/fs/file-nr`. */
  readonly stat: string;
  readonly meminfo: string;
  readonly loadavg: string;
  readonly netDev: string;
  readonly diskstats: string;
  readonly fileNr: string;
  /** `type` and `temp` of each `/sys/class/thermal/thermal_zone*`. */
  readonly thermalZones: readonly { readonly zone: string; readonly type: string; readonly temp: string }[];
  readonly fileSystems: readonly FileSystem[];
  /** As `uname` tells it. */
  readonly uname: Readonly<Record<'sysname' | 'release' | 'version' | 'machine' | 'nodename', string>>;
  /** The firmware's throttling bits; undefined where the board has none. */
  readonly throttled: number | undefined;
  /** Epoch milliseconds. */
  readonly nowMs: number;
}

export interface FileSystem {
  readonly device: string;
  readonly mountpoint: string;
  readonly fstype: string;
  readonly sizeBytes: number;
  readonly freeBytes: number;
  readonly availableBytes: number;
  readonly files: number;
  readonly freeFiles: number;
}

type Rows = readonly (readonly [values: LabelValues, value: number])[];

const counter = (name: string, help: string, labels: readonly string[], rows: Rows): Family =>
  family(name, 'counter', help, labels, () => rows);
const gauge = (name: string, help: string, labels: readonly string[], rows: Rows): Family =>
  family(name, 'gauge', help, labels, () => rows);

/** The kernel tells CPU time to programs in hundredths of a second. */
const TICKS = 100;
const SECTOR_BYTES = 512;

export function boardFamilies(texts: BoardTexts): readonly Family[] {
  return [
    ...cpuFamilies(texts.stat),
    ...memoryFamilies(texts.meminfo),
    ...loadFamilies(texts.loadavg),
    ...networkFamilies(texts.netDev),
    ...diskFamilies(texts.diskstats),
    ...fileSystemFamilies(texts.fileSystems),
    ...fileFamilies(texts.fileNr),
    ...temperatureFamilies(texts),
    gauge(
      'node_time_seconds',
      'The clock of the board, in seconds since 1970.',
      [],
      [[[], texts.nowMs / 1000]],
    ),
    gauge('node_uname_info', 'What the system calls itself.', Object.keys(texts.uname), [
      [Object.values(texts.uname), 1],
    ]),
  ];
}

const MODES = ['user', 'nice', 'system', 'idle', 'iowait', 'irq', 'softirq', 'steal'];

function cpuFamilies(stat: string): Family[] {
  const lines = stat.split('\n').map((line) => line.split(' '));
  const number = (name: string): Rows => {
    const value = lines.find(([key]) => key === name)?.[1];
    return value === undefined ? [] : [[[], Number(value)]];
  };
  const cpus = lines.filter(([key]) => /^cpu\d+$/.test(key ?? ''));
  return [
    counter(
      'node_cpu_seconds_total',
      'Seconds that each core spent in each mode.',
      ['cpu', 'mode'],
      cpus.flatMap(([cpu = '', ...ticks]) =>
        MODES.map((mode, i) => [[cpu.slice(3), mode], Number(ticks[i] ?? 0) / TICKS] as const),
      ),
    ),
    gauge('node_boot_time_seconds', 'When the board started, in seconds since 1970.', [], number('btime')),
    counter('node_context_switches_total', 'Switches from one task to another.', [], number('ctxt')),
    counter('node_forks_total', 'Processes that were started.', [], number('processes')),
    counter('node_intr_total', 'Interrupts that were served.', [], number('intr')),
    gauge('node_procs_running', 'Tasks that could run.', [], number('procs_running')),
    gauge('node_procs_blocked', 'Tasks that wait for a device.', [], number('procs_blocked')),
  ];
}

function memoryFamilies(meminfo: string): Family[] {
  return [...meminfo.matchAll(/^([^:]+): +(\d+)( kB)?$/gm)].map(([, field = '', value, unit]) => {
    const name = `node_memory_${field.replace(/[()]/g, '_').replace(/_$/, '')}${unit ? '_bytes' : ''}`;
    return gauge(
      name,
      `${field} of the kernel's account of memory.`,
      [],
      [[[], Number(value) * (unit ? 1024 : 1)]],
    );
  });
}

function loadFamilies(loadavg: string): Family[] {
  const loads = loadavg.trim().split(' ').slice(0, 3);
  return ['1', '5', '15'].map((minutes, i) =>
    gauge(
      `node_load${minutes}`,
      `Tasks that ran or waited, over ${minutes} minutes.`,
      [],
      loads[i] ? [[[], Number(loads[i])]] : [],
    ),
  );
}

/** Names of the columns of `/proc/net/dev` behind the interface. */
const NET_COLUMNS = [
  ...['receive_bytes', 'receive_packets', 'receive_errs', 'receive_drop', 'receive_fifo', 'receive_frame'],
  ...['receive_compressed', 'receive_multicast', 'transmit_bytes', 'transmit_packets', 'transmit_errs'],
  ...['transmit_drop', 'transmit_fifo', 'transmit_colls', 'transmit_carrier', 'transmit_compressed'],
];

/** Interfaces with their counters, in the order of {@link NET_COLUMNS}. */
export function netInterfaces(
  netDev: string,
): readonly (readonly [device: string, counters: readonly number[]])[] {
  return [...netDev.matchAll(/^ *([^:\s]+): *(.+)$/gm)].map(([, device = '', rest = '']) => [
    device,
    rest.trim().split(/\s+/).map(Number),
  ]);
}

function networkFamilies(netDev: string): Family[] {
  // Each Pod has a veth of its own, whose name says nothing: the Pods' own series have their traffic.
  const interfaces = netInterfaces(netDev).filter(([device]) => !device.startsWith('veth'));
  return NET_COLUMNS.map((column, i) =>
    counter(
      `node_network_${column}_total`,
      `${column.replace('_', ': ')}, by interface.`,
      ['device'],
      interfaces.map(([device, counters]) => [[device], counters[i] ?? 0] as const),
    ),
  );
}

/** Columns of `/proc/diskstats` behind the name, as far as people graph them, and what one unit of theirs is. */
const DISK_COLUMNS = [
  { at: 0, name: 'reads_completed_total', unit: 1, help: 'Reads that were served.' },
  { at: 2, name: 'read_bytes_total', unit: SECTOR_BYTES, help: 'Bytes that were read.' },
  { at: 3, name: 'read_time_seconds_total', unit: 1e-3, help: 'Seconds that reads took.' },
  { at: 4, name: 'writes_completed_total', unit: 1, help: 'Writes that were served.' },
  {
    at: 6,
    name: 'written_bytes_total',
    unit: SECTOR_BYTES,
    help: 'Bytes that were written: what wears a card.',
  },
  { at: 7, name: 'write_time_seconds_total', unit: 1e-3, help: 'Seconds that writes took.' },
  { at: 9, name: 'io_time_seconds_total', unit: 1e-3, help: 'Seconds in which something was under way.' },
];

function diskFamilies(diskstats: string): Family[] {
  const disks = diskstats
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , name = '']) => name !== '' && !/^(ram|loop|fd|zram)\d+$/.test(name));
  return DISK_COLUMNS.map(({ at, name, unit, help }) =>
    counter(
      `node_disk_${name}`,
      help,
      ['device'],
      disks.map((fields) => [[fields[2] ?? ''], Number(fields[3 + at] ?? 0) * unit] as const),
    ),
  );
}

function fileSystemFamilies(systems: readonly FileSystem[]): Family[] {
  const of = (name: string, help: string, value: (system: FileSystem) => number): Family =>
    gauge(
      `node_filesystem_${name}`,
      help,
      ['device', 'fstype', 'mountpoint'],
      systems.map((system) => [[system.device, system.fstype, system.mountpoint], value(system)] as const),
    );
  return [
    of('size_bytes', 'The size of the file system.', ({ sizeBytes }) => sizeBytes),
    of('free_bytes', 'What is free of it.', ({ freeBytes }) => freeBytes),
    of('avail_bytes', 'What is free for programs without privilege.', ({ availableBytes }) => availableBytes),
    of('files', 'The files that it can hold.', ({ files }) => files),
    of('files_free', 'The files that it can still take.', ({ freeFiles }) => freeFiles),
  ];
}

function fileFamilies(fileNr: string): Family[] {
  const [allocated, , maximum] = fileNr.trim().split(/\s+/);
  if (!allocated || !maximum) return [];
  return [
    gauge('node_filefd_allocated', 'Open files of all programs.', [], [[[], Number(allocated)]]),
    gauge('node_filefd_maximum', 'The most files that may be open.', [], [[[], Number(maximum)]]),
  ];
}

/** The firmware's bits of a Raspberry Pi, by their place. */
const THROTTLED = ['under_voltage', 'frequency_capped', 'throttled', 'soft_temperature_limit'];

function temperatureFamilies({ thermalZones, throttled }: BoardTexts): Family[] {
  const bits = (from: number): Rows =>
    throttled === undefined
      ? []
      : THROTTLED.map((reason, i) => [[reason], (throttled >> (from + i)) & 1] as const);
  return [
    gauge(
      'node_thermal_zone_temp',
      'Temperature of a zone, in degrees Celsius.',
      ['zone', 'type'],
      thermalZones.flatMap(({ zone, type, temp }) =>
        temp.trim() === '' ? [] : [[[zone, type.trim()], Number(temp) / 1000] as const],
      ),
    ),
    gauge('coracle_board_throttled', 'What holds the board back now.', ['reason'], bits(0)),
    gauge(
      'coracle_board_throttled_since_boot',
      'What has held it back since it started.',
      ['reason'],
      bits(16),
    ),
  ];
}
