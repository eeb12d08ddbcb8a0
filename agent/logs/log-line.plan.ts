/** CRI's log format: `<RFC 3339 with nanoseconds> <stdout|stderr> <F|P> <text>`; P is continued by the next line. */
export interface LogLine {
  readonly time: string;
  readonly stream: 'stdout' | 'stderr';
  readonly partial: boolean;
  /** Where the text begins in the line. */
  readonly textStart: number;
}

const SPACE = 0x20;

/** Undefined for what is no log line: the end of a file that a power cut cut off. */
export function parseLogLine(line: Uint8Array): LogLine | undefined {
  const first = line.indexOf(SPACE);
  const second = first < 0 ? -1 : line.indexOf(SPACE, first + 1);
  if (second < 0) return undefined;
  const third = line.indexOf(SPACE, second + 1);
  const ascii = (from: number, to: number): string => String.fromCharCode(...line.subarray(from, to));
  const stream = ascii(first + 1, second);
  if (stream !== 'stdout' && stream !== 'stderr') return undefined;
  // Tags are separated by colons; the first says whether the line is whole. An empty line may end after its tag.
  const tagEnd = third < 0 ? line.length : third;
  const partial = line[second + 1] === 0x50;
  return { time: ascii(0, first), stream, partial, textStart: Math.min(line.length, tagEnd + 1) };
}

export interface LogOptions {
  readonly follow: boolean;
  readonly timestamps: boolean;
  /** Of the file's lines, from its end; 0 shows only what is new. */
  readonly tailLines?: number | undefined;
  /** Epoch milliseconds. */
  readonly sinceMs?: number | undefined;
  readonly limitBytes?: number | undefined;
  readonly stream?: 'stdout' | 'stderr' | undefined;
}

/** Out of the query of `kubectl logs`, which the API server has validated. */
export function parseLogOptions(query: ReadonlyMap<string, string>, now: number): LogOptions {
  const number = (name: string): number | undefined => {
    const text = query.get(name);
    return text === undefined || text === '' ? undefined : Number(text);
  };
  const flag = (name: string): boolean => ['true', '1'].includes(query.get(name) ?? '');
  const sinceSeconds = number('sinceSeconds');
  const sinceTime = query.get('sinceTime');
  const stream = query.get('stream')?.toLowerCase();
  return {
    follow: flag('follow'),
    timestamps: flag('timestamps'),
    tailLines: number('tailLines'),
    limitBytes: number('limitBytes'),
    sinceMs:
      sinceSeconds !== undefined ? now - sinceSeconds * 1000 : sinceTime ? Date.parse(sinceTime) : undefined,
    stream: stream === 'stdout' || stream === 'stderr' ? stream : undefined,
  };
}

/** Turns raw lines into what the reader is to see; remembers whether the last line of each stream is continued. */
export class LogFormatter {
  readonly #options: LogOptions;
  #left: number;
  #continued = false;

  constructor(options: LogOptions) {
    this.#options = options;
    this.#left = options.limitBytes ?? Number.POSITIVE_INFINITY;
  }

  /** Nothing more may be shown. */
  get full(): boolean {
    return this.#left <= 0;
  }

  /** `line` ends with its newline. */
  format(line: Uint8Array): Uint8Array | undefined {
    const parsed = parseLogLine(line);
    if (!parsed) return undefined;
    const { sinceMs, stream, timestamps } = this.#options;
    if (stream !== undefined && parsed.stream !== stream) return undefined;
    if (sinceMs !== undefined && Date.parse(parsed.time) < sinceMs) return undefined;
    const text = line.subarray(parsed.textStart, parsed.partial ? line.length - 1 : line.length);
    // With its space.
    const prefix = line.subarray(0, timestamps && !this.#continued ? parsed.time.length + 1 : 0);
    this.#continued = parsed.partial;
    const out = new Uint8Array(Math.min(prefix.length + text.length, this.#left));
    out.set(prefix.subarray(0, out.length));
    out.set(text.subarray(0, Math.max(0, out.length - prefix.length)), Math.min(prefix.length, out.length));
    this.#left -= out.length;
    return out;
  }
}
