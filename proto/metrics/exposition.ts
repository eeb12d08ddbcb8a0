/**
 * Prometheus' text format, version 0.0.4, as server and boards write it. Counters and histograms live in a {@link Metrics};
 * what is known elsewhere anyway (objects of a cache, files of the kernel) is read at the moment of the scrape and costs
 * nothing between scrapes.
 */
export type MetricType = 'counter' | 'gauge' | 'histogram' | 'untyped';

/** Label values, in the order in which the family names its labels. */
export type LabelValues = readonly string[];

/** One family: its series follow one another in the text. */
export interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: MetricType;
  readonly labels: readonly string[];
  /** Lines are made as they are written: a family of ten thousand series is never held. */
  samples(): Iterable<Sample>;
}

export interface Sample {
  readonly values: LabelValues;
  readonly value: number;
  /** `_bucket`, `_sum`, `_count` of a histogram. */
  readonly suffix?: string;
  /** One more label, behind the others: `le`. */
  readonly extra?: readonly [name: string, value: string];
}

/** What `/metrics` answers with. */
export const EXPOSITION_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** A family whose samples are known when it is scraped. */
export function family(
  name: string,
  type: MetricType,
  help: string,
  labels: readonly string[],
  samples: () => Iterable<readonly [values: LabelValues, value: number]>,
): Family {
  return {
    name,
    type,
    help,
    labels,
    *samples() {
      for (const [values, value] of samples()) yield { values, value };
    },
  };
}

/** The text of these families. Those without a sample are left out: a page stays as short as what it says. */
export function exposition(families: Iterable<Family>): string {
  let text = '';
  for (const one of families) {
    const { name, help, type, labels } = one;
    let lines = '';
    for (const sample of one.samples()) lines += line(name, labels, sample);
    if (lines !== '') text += `# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} ${type}\n${lines}`;
  }
  return text;
}

function line(name: string, labels: readonly string[], { values, value, suffix, extra }: Sample): string {
  let pairs = '';
  for (let i = 0; i < labels.length; i++)
    pairs += `${i > 0 ? ',' : ''}${labels[i]}="${escapeLabel(values[i] ?? '')}"`;
  if (extra) pairs += `${pairs ? ',' : ''}${extra[0]}="${escapeLabel(extra[1])}"`;
  return `${name}${suffix ?? ''}${pairs && `{${pairs}}`} ${number(value)}\n`;
}

const escapeHelp = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
const escapeLabel = (text: string): string =>
  /[\\"\n]/.test(text) ? text.replace(/[\\"\n]/g, (c) => (c === '\n' ? '\\n' : `\\${c}`)) : text;

function number(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (value === Infinity) return '+Inf';
  return value === -Infinity ? '-Inf' : String(value);
}
