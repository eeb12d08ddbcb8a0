import type { Family, LabelValues, MetricType, Sample } from '#proto/metrics/exposition.ts';

/** Between label values in a key; no valid UTF-8 text holds it. */
const SEPARATOR = '\u{10ffff}';

/** Series that count or hold a number, by their label values. */
export class Numbers implements Family {
  readonly name: string;
  readonly type: MetricType;
  readonly help: string;
  readonly labels: readonly string[];
  readonly #values = new Map<string, number>();

  constructor(name: string, type: 'counter' | 'gauge', help: string, labels: readonly string[] = []) {
    this.name = name;
    this.type = type;
    this.help = help;
    this.labels = labels;
  }

  add(by: number, ...values: LabelValues): void {
    const key = values.join(SEPARATOR);
    this.#values.set(key, (this.#values.get(key) ?? 0) + by);
  }

  set(to: number, ...values: LabelValues): void {
    this.#values.set(values.join(SEPARATOR), to);
  }

  *samples(): Iterable<Sample> {
    for (const [key, value] of this.#values) yield { values: key.split(SEPARATOR), value };
  }
}

interface Distribution {
  readonly counts: Uint32Array;
  sum: number;
  count: number;
}

/** Observations in buckets of growing bounds, by label values. */
export class Histogram implements Family {
  readonly name: string;
  readonly type = 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
  readonly #bounds: readonly number[];
  readonly #series = new Map<string, Distribution>();

  /** `bounds`: upper ones, inclusive, growing; the last one, infinity, is understood. */
  constructor(name: string, help: string, bounds: readonly number[], labels: readonly string[] = []) {
    this.name = name;
    this.help = help;
    this.labels = labels;
    this.#bounds = bounds;
  }

  observe(value: number, ...values: LabelValues): void {
    const key = values.join(SEPARATOR);
    let series = this.#series.get(key);
    if (!series) {
      series = { counts: new Uint32Array(this.#bounds.length), sum: 0, count: 0 };
      this.#series.set(key, series);
    }
    const bucket = this.#bounds.findIndex((bound) => value <= bound);
    if (bucket >= 0) series.counts[bucket] = (series.counts[bucket] ?? 0) + 1;
    series.sum += value;
    series.count++;
  }

  *samples(): Iterable<Sample> {
    for (const [key, { counts, sum, count }] of this.#series) {
      const values = key.split(SEPARATOR);
      let below = 0;
      for (const [i, bound] of this.#bounds.entries()) {
        below += counts[i] ?? 0;
        yield { values, value: below, suffix: '_bucket', extra: ['le', String(bound)] };
      }
      yield { values, value: count, suffix: '_bucket', extra: ['le', '+Inf'] };
      yield { values, value: sum, suffix: '_sum' };
      yield { values, value: count, suffix: '_count' };
    }
  }
}
