const MACROS: ReadonlyMap<string, string> = new Map([
  ['@yearly', '0 0 1 1 *'],
  ['@annually', '0 0 1 1 *'],
  ['@monthly', '0 0 1 * *'],
  ['@weekly', '0 0 * * 0'],
  ['@daily', '0 0 * * *'],
  ['@midnight', '0 0 * * *'],
  ['@hourly', '0 * * * *'],
]);
/** A Go duration's units, in milliseconds. */
const UNITS: ReadonlyMap<string, number> = new Map([
  ['ns', 1e-6],
  ['us', 1e-3],
  ['µs', 1e-3],
  ['ms', 1],
  ['s', 1000],
  ['m', 60_000],
  ['h', 3_600_000],
]);
const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

interface Bounds {
  readonly low: number;
  readonly high: number;
  readonly names?: readonly string[];
}

const FIELDS: readonly Bounds[] = [
  { low: 0, high: 59 },
  { low: 0, high: 23 },
  { low: 1, high: 31 },
  { low: 1, high: 12, names: MONTHS },
  { low: 0, high: 6, names: DAYS },
];

/** Why a text is not a standard cron schedule of five fields (or a macro); nothing when it is one. */
export function scheduleProblem(schedule: string): string | undefined {
  if (schedule.startsWith('@')) return macroProblem(schedule);
  const fields = schedule.trim().split(/\s+/);
  if (fields.length !== FIELDS.length) {
    return `expected exactly 5 fields, found ${fields.length}: [${fields.join(' ')}]`;
  }
  for (const [i, field] of fields.entries()) {
    for (const part of field.split(',')) {
      const problem = partProblem(part, FIELDS[i] as Bounds);
      if (problem) return problem;
    }
  }
  return undefined;
}

/** Five fields, each `*` or a list of numbers; or the interval of an `@every`. */
export type PlainSchedule = { readonly fields: string } | { readonly everyMs: number };

/**
 * A schedule that has no problem, in a form that every cron library reads alike: macros, names, ranges and
 * steps are written out, and a `*` anywhere in a field makes it free, as upstream's parser has it.
 */
export function plainSchedule(schedule: string): PlainSchedule {
  const every = /^@every (.*)$/.exec(schedule)?.[1];
  if (every !== undefined) {
    let ms = 0;
    for (const [, value, unit = ''] of every.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)) {
      ms += Number(value) * (UNITS.get(unit) ?? 0);
    }
    return { everyMs: Math.max(1000, Math.floor(ms / 1000) * 1000) };
  }
  const fields = (MACROS.get(schedule) ?? schedule).trim().split(/\s+/);
  return { fields: fields.map((field, i) => plainField(field, FIELDS[i] as Bounds)).join(' ') };
}

function plainField(field: string, bounds: Bounds): string {
  const values = new Set<number>();
  for (const part of field.split(',')) {
    const [range = '', step] = part.split('/');
    const isFree = range === '*' || range === '?';
    if (isFree && (step === undefined || Number(step) === 1)) return '*';
    const [first = '', last] = range.split('-');
    const start = isFree ? bounds.low : (numberOf(first, bounds) ?? bounds.low);
    // `5/15` is `5-59/15`.
    const open = isFree || (last === undefined && step !== undefined);
    const end = open ? bounds.high : (numberOf(last ?? first, bounds) ?? start);
    for (let value = start; value <= end; value += Number(step ?? 1)) values.add(value);
  }
  return [...values].sort((a, b) => a - b).join(',');
}

function macroProblem(schedule: string): string | undefined {
  if (MACROS.has(schedule)) return undefined;
  const every = /^@every (.*)$/.exec(schedule)?.[1];
  if (every === undefined) return `unrecognized descriptor: ${schedule}`;
  if (/^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$/.test(every)) return undefined;
  return `failed to parse duration ${schedule}: time: invalid duration ${JSON.stringify(every)}`;
}

/** `*`, `5`, `1-5`, `mon-fri`, each with `/step`. */
function partProblem(part: string, bounds: Bounds): string | undefined {
  const [range = '', step, ...more] = part.split('/');
  if (more.length > 0) return `too many slashes: ${part}`;
  if (step !== undefined) {
    if (!/^\d+$/.test(step))
      return `failed to parse int from ${step}: strconv.Atoi: parsing ${JSON.stringify(step)}: invalid syntax`;
    if (Number(step) === 0) return `step of range should be a positive number: ${part}`;
  }
  if (range === '*' || range === '?') return undefined;
  const [first = '', last, ...rest] = range.split('-');
  if (rest.length > 0) return `too many hyphens: ${part}`;
  const start = numberOf(first, bounds);
  const end = last === undefined ? start : numberOf(last, bounds);
  const wrong = start === undefined ? first : end === undefined ? (last ?? '') : undefined;
  if (start === undefined || end === undefined) {
    return `failed to parse int from ${wrong}: strconv.Atoi: parsing ${JSON.stringify(wrong)}: invalid syntax`;
  }
  if (start < bounds.low) return `beginning of range (${start}) below minimum (${bounds.low}): ${part}`;
  if (end > bounds.high) return `end of range (${end}) above maximum (${bounds.high}): ${part}`;
  if (start > end) return `beginning of range (${start}) beyond end of range (${end}): ${part}`;
  return undefined;
}

function numberOf(text: string, { low, names }: Bounds): number | undefined {
  if (/^\d+$/.test(text)) return Number(text);
  const at = names?.indexOf(text.toLowerCase()) ?? -1;
  return at < 0 ? undefined : at + low;
}
