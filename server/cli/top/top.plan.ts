/** What `coracle top` shows: figures in, lines of a terminal out. */
import { milliValue, quantityValue } from '#proto/meta/quantity.ts';
import type { Node, Pod } from '#proto/schema/generated/core-v1.ts';
import type { NodeMetrics, PodMetrics } from '#proto/schema/generated/metrics-v1beta1.ts';

export interface Reading {
  readonly nodes: readonly Node[];
  readonly pods: readonly Pod[];
  readonly nodeMetrics: readonly NodeMetrics[];
  readonly podMetrics: readonly PodMetrics[];
}

/** Thousandths of a core and bytes, oldest first; by name for boards, by `namespace/name` for Pods. */
export type History = ReadonlyMap<string, readonly Sample[]>;

export interface Sample {
  readonly cpuMilli: number;
  readonly memoryBytes: number;
  /** Of the metrics: a second reading of the same moment is no second sample. */
  readonly timestamp: string;
}

export interface Screen {
  readonly columns: number;
  readonly rows: number;
  readonly sort: 'cpu' | 'memory';
  /** Pods of one board only. */
  readonly board?: string | undefined;
  readonly color: boolean;
  /** `12:34:56` */
  readonly time: string;
  readonly server: string;
}

const KEPT = 60;
const BARS = '▁▂▃▄▅▆▇█';

/** Adds a reading, keeps the last minutes, and forgets what is gone. */
export function remember(history: History, reading: Reading): History {
  const next = new Map<string, readonly Sample[]>();
  const add = (key: string, sample: Sample): void => {
    const before = history.get(key) ?? [];
    const isNew = before.at(-1)?.timestamp !== sample.timestamp;
    next.set(key, isNew ? [...before, sample].slice(-KEPT) : before);
  };
  for (const { metadata, usage, timestamp } of reading.nodeMetrics)
    add(metadata.name ?? '', { ...used(usage), timestamp });
  for (const { metadata, containers, timestamp } of reading.podMetrics) {
    const sums = containers.map(({ usage }) => used(usage));
    const total = (of: 'cpuMilli' | 'memoryBytes'): number => sums.reduce((sum, one) => sum + one[of], 0);
    const sample = { cpuMilli: total('cpuMilli'), memoryBytes: total('memoryBytes'), timestamp };
    add(`${metadata.namespace}/${metadata.name}`, sample);
  }
  return next;
}

const used = (usage: Readonly<Record<string, string>>) => ({
  cpuMilli: milliValue(usage['cpu'] ?? '0'),
  memoryBytes: quantityValue(usage['memory'] ?? '0'),
});

/** The last values as bars of equal scale; `top` is a full one. */
export function sparkline(values: readonly number[], width: number, top: number): string {
  const bars = values.slice(-width).map((value) => {
    const level = top > 0 ? Math.round((Math.max(0, value) / top) * (BARS.length - 1)) : 0;
    return BARS[Math.min(BARS.length - 1, level)];
  });
  return bars.join('').padStart(width);
}

export const showCpu = (milli: number): string =>
  milli >= 10_000
    ? `${(milli / 1000).toFixed(0)}`
    : milli >= 1000
      ? `${(milli / 1000).toFixed(1)}`
      : `${Math.round(milli)}m`;

export function showBytes(bytes: number): string {
  for (const [unit, size] of [
    ['Gi', 2 ** 30],
    ['Mi', 2 ** 20],
    ['Ki', 2 ** 10],
  ] as const)
    if (bytes >= size) return `${(bytes / size).toFixed(bytes >= 10 * size || unit === 'Ki' ? 0 : 1)}${unit}`;
  return `${Math.round(bytes)}`;
}

/** One frame: at most as many lines as there are rows, none longer than there are columns. */
export function frame(reading: Reading, history: History, screen: Screen): string[] {
  const { columns, rows, color } = screen;
  const paint = (code: number, text: string): string =>
    color && text ? `\u001b[${code}m${text}\u001b[0m` : text;
  const boards = [...reading.nodes].sort((a, b) => compare(a.metadata.name, b.metadata.name));
  const nameWidth = Math.max(5, ...boards.map(({ metadata }) => metadata.name?.length ?? 0));
  const spark = Math.max(8, Math.min(24, Math.floor((columns - nameWidth - 52) / 2)));
  const lines = [
    `${paint(1, 'Coracle')} ${screen.server}   ${counted(boards.length, 'board')}, ${counted(reading.pods.length, 'Pod')}   ${screen.time}${color ? `   ${paint(2, 'q quits · c, m sort · Tab next board')}` : ''}`,
    '',
    paint(
      7,
      cut(
        `${'BOARD'.padEnd(nameWidth)}  ${'CPU'.padEnd(spark + 6)}  ${'MEMORY'.padEnd(spark + 6)}  ${'USED'.padEnd(13)}  ${'PODS'.padEnd(7)}  STATE`.padEnd(
          columns,
        ),
        columns,
      ),
    ),
  ];
  for (const node of boards) {
    const name = node.metadata.name ?? '';
    const samples = history.get(name) ?? [];
    const cpu = milliValue(node.status?.allocatable?.['cpu'] ?? '0');
    const memory = quantityValue(node.status?.allocatable?.['memory'] ?? '0');
    const last = samples.at(-1);
    const here = reading.pods.filter(({ spec }) => spec.nodeName === name).length;
    const state = stateOf(node);
    const gauge = (values: readonly number[], all: number): string => {
      const share = all > 0 ? (values.at(-1) ?? 0) / all : 0;
      const text = `${sparkline(values, spark, all)} ${values.length > 0 ? `${Math.round(share * 100)}%`.padStart(4) : '   -'}`;
      return paint(share > 0.9 ? 31 : share > 0.7 ? 33 : 32, text);
    };
    const bytes = last ? `${showBytes(last.memoryBytes)}/${showBytes(memory)}` : '-';
    lines.push(
      `${screen.board === name ? paint(1, name.padEnd(nameWidth)) : name.padEnd(nameWidth)}  ${gauge(
        samples.map((s) => s.cpuMilli),
        cpu,
      )} ` +
        `  ${gauge(
          samples.map((s) => s.memoryBytes),
          memory,
        )}   ${bytes.padEnd(13)}  ${`${here}/${node.status?.allocatable?.['pods'] ?? '?'}`.padEnd(7)}  ${paint(state === 'Ready' ? 32 : 31, state)}`,
    );
  }
  const pods = podRows(reading, history, screen);
  const wide = Math.max(20, columns - nameWidth - 42);
  const podSpark = 12;
  lines.push(
    '',
    paint(
      7,
      cut(
        `${'POD'.padEnd(wide)}  ${'BOARD'.padEnd(nameWidth)}  ${'CPU'.padEnd(podSpark + 7)}  ${'MEMORY'.padStart(8)}`.padEnd(
          columns,
        ),
        columns,
      ),
    ),
  );
  const room = Math.max(1, rows - lines.length - 1);
  for (const { key, board, samples } of pods.slice(0, room)) {
    const last = samples.at(-1);
    const values = samples.map((s) => s.cpuMilli);
    lines.push(
      `${cut(key, wide).padEnd(wide)}  ${board.padEnd(nameWidth)}  ${sparkline(values, podSpark, Math.max(100, ...values))} ${(last ? showCpu(last.cpuMilli) : '-').padStart(6)}  ${(last ? showBytes(last.memoryBytes) : '-').padStart(8)}`,
    );
  }
  if (pods.length > room) lines.push(paint(2, `… ${pods.length - room} more`));
  return lines.slice(0, rows);
}

function podRows({ pods }: Reading, history: History, { sort, board }: Screen) {
  return pods
    .filter(
      ({ spec, status }) => status?.phase === 'Running' && (board === undefined || spec.nodeName === board),
    )
    .map(({ metadata, spec }) => {
      const key = `${metadata.namespace}/${metadata.name}`;
      const samples = history.get(key) ?? [];
      const last = samples.at(-1);
      const weight = (sort === 'cpu' ? last?.cpuMilli : last?.memoryBytes) ?? -1;
      return { key, board: spec.nodeName ?? '', samples, weight };
    })
    .sort((a, b) => b.weight - a.weight || compare(a.key, b.key));
}

/** `Ready`, or what is wrong with a board, in the words of its conditions. */
function stateOf({ spec, status }: Node): string {
  const conditions = status?.conditions ?? [];
  const ready = conditions.find(({ type }) => type === 'Ready')?.status === 'True';
  const troubles = conditions
    .filter(({ type, status }) => type !== 'Ready' && status === 'True')
    .map(({ type }) => type);
  const words = [...(ready ? [] : ['NotReady']), ...troubles, ...(spec?.unschedulable ? ['Cordoned'] : [])];
  return words.join(', ') || 'Ready';
}

const counted = (count: number, word: string): string => `${count} ${word}${count === 1 ? '' : 's'}`;
const compare = (a = '', b = ''): number => (a < b ? -1 : a > b ? 1 : 0);
const cut = (text: string, width: number): string =>
  text.length > width ? `${text.slice(0, width - 1)}…` : text;
