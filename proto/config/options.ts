import { numberOf } from '#proto/net/cidr.ts';

/**
 * Flags, environment and file go through one validator into one frozen, typed object. An option is declared
 * once; its flag `--data-dir`, its variable `CORACLE_DATA_DIR` and its key `data-dir` in the configuration file follow
 * from its name. Precedence: flag, environment, file, default.
 */
export interface Option<T> {
  /** One line for `--help`. */
  readonly description: string;
  /** What stands for the value in `--help`; absent for a switch. */
  readonly placeholder?: string;
  /** Given more than once, or separated by commas. */
  readonly list?: boolean;
  readonly defaultValue: T;
  /** Shown in place of the default where that is computed. */
  readonly defaultText?: string;
  /** Throws an Error whose message says what would be right. */
  readonly parse: (text: string) => T;
}

/** Options by name, kebab-case: `{ 'data-dir': … }`. */
export type OptionTable = Readonly<Record<string, Option<unknown>>>;

type Camel<S extends string> = S extends `${infer A}-${infer B}` ? `${A}${Capitalize<Camel<B>>}` : S;

/** `data-dir` becomes `dataDir`. */
export type OptionValues<Table extends OptionTable> = {
  readonly [K in keyof Table & string as Camel<K>]: Table[K] extends Option<infer T> ? T : never;
};

/** What a person wrote, per source; names as written. */
export interface OptionSources {
  readonly flags: Readonly<Record<string, unknown>>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly file: Readonly<Record<string, unknown>>;
  /** Names that the file may carry for another command. */
  readonly alsoInFile?: readonly string[];
}

export class OptionError extends Error {
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.name = 'OptionError';
    this.problems = problems;
  }
}

export const camel = (name: string): string => name.replace(/-(\w)/g, (_, c: string) => c.toUpperCase());
export const variableOf = (name: string): string => `CORACLE_${name.replaceAll('-', '_').toUpperCase()}`;

/** Throws {@link OptionError} with one line a problem, naming the place where the bad value stands. */
export function resolveOptions<Table extends OptionTable>(
  table: Table,
  sources: OptionSources,
): OptionValues<Table> {
  const problems: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [name, option] of Object.entries(table)) {
    const found = [
      { place: `--${name}`, value: sources.flags[name] },
      { place: variableOf(name), value: sources.environment[variableOf(name)] },
      { place: `"${name}" in the configuration file`, value: sources.file[name] },
    ].find((source) => source.value !== undefined);
    try {
      values[camel(name)] = found ? readValue(option, found.value) : option.defaultValue;
    } catch (err) {
      problems.push(`${found?.place}: ${(err as Error).message}`);
    }
  }
  const known = new Set([...Object.keys(table), ...(sources.alsoInFile ?? [])]);
  for (const name of Object.keys(sources.file))
    if (!known.has(name)) problems.push(`"${name}" in the configuration file is not an option`);
  if (problems.length > 0) throw new OptionError(problems);
  return Object.freeze(values) as OptionValues<Table>;
}

function readValue(option: Option<unknown>, value: unknown): unknown {
  if (!option.list) return option.parse(text(value));
  // A flag that was given once with commas comes as a list of one.
  const parts = (Array.isArray(value) ? value : [value]).flatMap((part) => text(part).split(','));
  return parts
    .map((part) => part.trim())
    .filter(Boolean)
    .map(option.parse);
}

function text(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw new Error('expected a single value');
}

// The kinds of values. Each parser's message says what would be right.

export const str = (text: string): string => {
  if (text === '') throw new Error('must not be empty');
  return text;
};

export const toggle = (text: string): boolean => {
  if (/^(true|yes|1|on)$/i.test(text)) return true;
  if (/^(false|no|0|off)$/i.test(text)) return false;
  throw new Error(`"${text}" is neither true nor false`);
};

export const path = (text: string): string => {
  if (!text.startsWith('/')) throw new Error(`"${text}" is not an absolute path`);
  return text;
};

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** `192.168.1.2:6443`, `[::]:6443`, `:6443` (all addresses). */
export const hostPort = (text: string): HostPort => {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (!match || port > 65535) throw new Error(`"${text}" is not HOST:PORT`);
  return { host: match[1] ?? (match[2] || '0.0.0.0'), port };
};

export const port = (text: string): number => {
  if (!/^\d{1,5}$/.test(text) || Number(text) < 1 || Number(text) > 65535)
    throw new Error(`"${text}" is not a port`);
  return Number(text);
};

const IPV4 = /^(25[0-5]|2[0-4]\d|1?\d?\d)(\.(25[0-5]|2[0-4]\d|1?\d?\d)){3}$/;

export const address = (text: string): string => {
  if (!IPV4.test(text) && !/^[0-9a-fA-F]*:[0-9a-fA-F:.]+$/.test(text))
    throw new Error(`"${text}" is not an IP address`);
  return text;
};

export const cidr = (text: string): string => {
  const [base = '', bits = ''] = text.split('/');
  if (!IPV4.test(base) || !/^\d{1,2}$/.test(bits) || Number(bits) > 30)
    throw new Error(`"${text}" is not an IPv4 range such as 10.42.0.0/16`);
  return text;
};

/** A range, or one of each family with a comma between: the first is the one that is used by default. */
export const cidrs = (text: string): string => {
  const families = text.split(',').map((part) => {
    const [base = '', bits = ''] = part.split('/');
    const isV6 = numberOf(base)?.width === 128;
    if (isV6 && /^\d{1,3}$/.test(bits) && Number(bits) <= 126) return 'IPv6';
    cidr(part);
    return 'IPv4';
  });
  if (families.length > 2 || families[0] === families[1])
    throw new Error(`"${text}" is not one range of each family, such as 10.42.0.0/16,fd00:42::/56`);
  return text;
};

/** An RFC 1123 subdomain: what a Node may be called. */
export const nodeName = (text: string): string => {
  if (text.length > 253 || !/^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/.test(text))
    throw new Error(`"${text}" is not a node name: lower case letters, digits, '-' and '.'`);
  return text;
};

export const oneOf =
  <T extends string>(...choices: readonly T[]) =>
  (text: string): T => {
    const hit = choices.find((choice) => choice === text);
    if (!hit) throw new Error(`"${text}" is not one of ${choices.join(', ')}`);
    return hit;
  };
