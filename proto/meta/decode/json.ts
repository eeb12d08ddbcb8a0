import { joinPath, type StrictErrors } from '#proto/meta/decode/strict.ts';

/** As upstream's decoder, but nearer to what objects have: deeper text is a bomb. */
export const MAX_NESTING = 500;

/** The text is no JSON, or nests too deeply. */
export class SyntaxProblem extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'SyntaxProblem';
  }
}

/** The value of a JSON text. With `strict`, keys that an object has twice are reported; the last one counts. */
export function parseJson(text: string, strict?: StrictErrors): unknown {
  if (nests(text, MAX_NESTING)) throw new SyntaxProblem('exceeded max depth');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new SyntaxProblem(syntaxProblem(text, cause instanceof Error ? cause.message : 'not JSON'), {
      cause,
    });
  }
  if (strict) {
    new KeyScan(text, (path, at, isDuplicate) => {
      if (isDuplicate) strict.duplicate(path, at);
    }).run();
    strict.locate = (paths) => locate(text, paths);
  }
  return value;
}

/** A text that just ends is what people see most. */
function syntaxProblem(text: string, message: string): string {
  const at = /at position ([0-9]+)/.exec(message)?.[1];
  const ended = /^Unexpected end/.test(message) || (at !== undefined && Number(at) >= text.trimEnd().length);
  return ended || text.trim() === '' ? 'unexpected end of JSON input' : message;
}

/** Whether brackets outside of strings nest deeper than `most`; the text need not be JSON. */
function nests(text: string, most: number): boolean {
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case 0x22:
        i = endOfString(text, i);
        break;
      case 0x5b:
      case 0x7b:
        if (++depth > most) return true;
        break;
      case 0x5d:
      case 0x7d:
        depth--;
    }
  }
  return false;
}

/** The index of the closing quote of the string that starts at `start`. */
function endOfString(text: string, start: number): number {
  let i = start + 1;
  for (; i < text.length; i++) {
    const char = text.charCodeAt(i);
    if (char === 0x22) return i;
    if (char === 0x5c) i++;
  }
  return i;
}

function locate(text: string, paths: ReadonlySet<string>): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  new KeyScan(text, (path, at) => {
    if (paths.has(path) && !found.has(path)) found.set(path, at);
  }).run();
  return found;
}

interface Level {
  /** Undefined in a list. */
  readonly keys: Set<string> | undefined;
  readonly path: string;
  index: number;
  key: string;
}

/** One pass over a text that JSON.parse has accepted, which keeps only the keys of open objects. */
class KeyScan {
  readonly #text: string;
  readonly #onKey: (path: string, at: number, isDuplicate: boolean) => void;
  readonly #levels: Level[] = [];

  constructor(text: string, onKey: (path: string, at: number, isDuplicate: boolean) => void) {
    this.#text = text;
    this.#onKey = onKey;
  }

  run(): void {
    const text = this.#text;
    let keyNext = false;
    for (let i = 0; i < text.length; i++) {
      const level = this.#levels.at(-1);
      switch (text[i]) {
        case '{':
        case '[':
          this.#open(text[i] === '{', level);
          keyNext = text[i] === '{';
          break;
        case '}':
        case ']':
          this.#levels.pop();
          keyNext = false;
          break;
        case ',':
          if (level && !level.keys) level.index++;
          keyNext = level?.keys !== undefined;
          break;
        case '"': {
          const end = endOfString(text, i);
          if (keyNext && level?.keys) this.#key(level, level.keys, i, end);
          keyNext = false;
          i = end;
        }
      }
    }
  }

  #open(object: boolean, parent: Level | undefined): void {
    const path = !parent
      ? ''
      : parent.keys
        ? joinPath(parent.path, parent.key)
        : `${parent.path}[${parent.index}]`;
    this.#levels.push({ keys: object ? new Set() : undefined, path, index: 0, key: '' });
  }

  #key(level: Level, keys: Set<string>, start: number, end: number): void {
    const quoted = this.#text.slice(start, end + 1);
    const key = quoted.includes('\\') ? (JSON.parse(quoted) as string) : quoted.slice(1, -1);
    this.#onKey(joinPath(level.path, key), start, keys.has(key));
    keys.add(key);
    level.key = key;
  }
}
