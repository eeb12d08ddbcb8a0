const MACROS = new Set(['@yearly', '@annually', '@monthly', '@weekly', '@daily', '@midnight', '@hourly']);
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
