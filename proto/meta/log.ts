import { writeSync } from 'node:fs';

export type Fields = Readonly<Record<string, unknown>>;

/** A constant message plus fields (`pod`, `node`, `err`). `info` is for state changes only. */
export interface Logger {
  debug(message: string, fields?: Fields): void;
  info(message: string, fields?: Fields): void;
  warn(message: string, fields?: Fields): void;
  error(message: string, fields?: Fields): void;
  /** A logger that adds these fields to every line. */
  with(fields: Fields): Logger;
}

const LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LEVELS)[number];

/** One line a message, `time level message key=value …`: readable in a terminal and in a journal. */
export function createLogger(
  level: LogLevel,
  fields: Fields = {},
  write: (line: string) => void = (line) => void writeSync(2, line),
): Logger {
  const from = LEVELS.indexOf(level);
  const at =
    (own: LogLevel) =>
    (message: string, extra: Fields = {}): void => {
      if (LEVELS.indexOf(own) < from) return;
      const pairs = Object.entries({ ...fields, ...extra })
        .filter(([, value]) => value !== undefined)
        .map(([key, value]) => ` ${key}=${render(value)}`)
        .join('');
      write(`${new Date().toISOString()} ${own.padEnd(5)} ${message}${pairs}\n`);
    };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    with: (more) => createLogger(level, { ...fields, ...more }, write),
  };
}

function render(value: unknown): string {
  if (value instanceof Error) return JSON.stringify(chain(value));
  if (typeof value === 'string') return /^[\w./:@-]+$/.test(value) ? value : JSON.stringify(value);
  return JSON.stringify(value) ?? String(value);
}

/** `message: cause: cause`, so that each layer's words are there. */
function chain(err: Error): string {
  return err.cause instanceof Error ? `${err.message}: ${chain(err.cause)}` : err.message;
}

/** For units that do not look at logs. */
export const silent: Logger = createLogger('error', {}, () => {});
