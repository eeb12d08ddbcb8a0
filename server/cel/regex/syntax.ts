/**
 * RE2's syntax, as Go's `regexp/syntax` reads it: no look-around and no back references, so that matching takes time in
 * proportion to the text. A node matches one character, a place, or is made of others.
 */
export type RegexNode =
  | { readonly kind: 'empty' }
  | { readonly kind: 'char'; readonly set: CharSet }
  | { readonly kind: 'place'; readonly place: Place }
  | { readonly kind: 'sequence'; readonly nodes: readonly RegexNode[] }
  | { readonly kind: 'choice'; readonly nodes: readonly RegexNode[] }
  | {
      readonly kind: 'repeat';
      readonly node: RegexNode;
      readonly min: number;
      /** Undefined: as often as it goes. */
      readonly max: number | undefined;
      readonly isLazy: boolean;
    };

export type Place = 'textStart' | 'textEnd' | 'lineStart' | 'lineEnd' | 'boundary' | 'noBoundary';

/** The inside of a class, in JavaScript's `u` syntax: one character at a time can't backtrack. */
export interface CharSet {
  readonly source: string;
  readonly ignoresCase: boolean;
}

export class RegexProblem extends Error {
  constructor(problem: string, at: string) {
    super(`error parsing regexp: ${problem}: \`${at}\``);
  }
}

const MAX_REPEAT = 1000;
const MAX_DEPTH = 200;

interface Flags {
  readonly ignoresCase: boolean;
  readonly isMultiline: boolean;
  readonly dotIsAll: boolean;
  readonly isUngreedy: boolean;
}

const PERL: Readonly<Record<string, string>> = {
  d: '0-9',
  w: '0-9A-Za-z_',
  s: '\\t\\n\\f\\r ',
};
/** Everything outside, as ranges: JavaScript's own negations mean Unicode. */
const NOT_PERL: Readonly<Record<string, string>> = {
  D: '\\u{0}-\\u{2f}\\u{3a}-\\u{10ffff}',
  W: '\\u{0}-\\u{2f}\\u{3a}-\\u{40}\\u{5b}-\\u{5e}\\u{60}\\u{7b}-\\u{10ffff}',
  S: '\\u{0}-\\u{8}\\u{b}\\u{e}-\\u{1f}\\u{21}-\\u{10ffff}',
};
const POSIX: Readonly<Record<string, string>> = {
  alnum: '0-9A-Za-z',
  alpha: 'A-Za-z',
  ascii: '\\u{0}-\\u{7f}',
  blank: '\\t ',
  cntrl: '\\u{0}-\\u{1f}\\u{7f}',
  digit: '0-9',
  graph: '\\u{21}-\\u{7e}',
  lower: 'a-z',
  print: '\\u{20}-\\u{7e}',
  punct: '\\u{21}-\\u{2f}\\u{3a}-\\u{40}\\u{5b}-\\u{60}\\u{7b}-\\u{7e}',
  space: '\\t\\n\\u{b}\\f\\r ',
  upper: 'A-Z',
  word: '0-9A-Za-z_',
  xdigit: '0-9A-Fa-f',
};
const ESCAPES: Readonly<Record<string, number>> = { a: 7, f: 12, t: 9, n: 10, r: 13, v: 11 };

/** Throws a {@link RegexProblem}. */
export function parseRegex(pattern: string): RegexNode {
  return new RegexParser(pattern).parse();
}

const literal = (code: number): string => `\\u{${code.toString(16)}}`;

class RegexParser {
  readonly #pattern: string;
  readonly #chars: readonly string[];
  #at = 0;
  #depth = 0;
  readonly #names = new Set<string>();
  #flags: Flags = { ignoresCase: false, isMultiline: false, dotIsAll: false, isUngreedy: false };

  constructor(pattern: string) {
    this.#pattern = pattern;
    this.#chars = [...pattern];
  }

  parse(): RegexNode {
    const node = this.#choice();
    if (this.#at < this.#chars.length) throw new RegexProblem('unexpected )', this.#pattern);
    return node;
  }

  #peek(ahead = 0): string | undefined {
    return this.#chars[this.#at + ahead];
  }

  #rest(from = this.#at): string {
    return this.#chars.slice(from).join('');
  }

  #accept(text: string): boolean {
    if (![...text].every((char, i) => this.#peek(i) === char)) return false;
    this.#at += text.length;
    return true;
  }

  #choice(): RegexNode {
    if (++this.#depth > MAX_DEPTH) throw new RegexProblem('expression nests too deeply', this.#pattern);
    const nodes = [this.#sequence()];
    while (this.#accept('|')) nodes.push(this.#sequence());
    this.#depth--;
    return nodes.length === 1 ? (nodes[0] as RegexNode) : { kind: 'choice', nodes };
  }

  #sequence(): RegexNode {
    const nodes: RegexNode[] = [];
    for (let char = this.#peek(); char !== undefined && char !== '|' && char !== ')'; char = this.#peek()) {
      const start = this.#at;
      if (this.#accept('\\Q')) {
        while (this.#peek() !== undefined && !this.#accept('\\E')) nodes.push(this.#one(this.#take()));
        continue;
      }
      const node = this.#atom();
      if (node) nodes.push(this.#repeated(node, start));
    }
    return nodes.length === 1 ? (nodes[0] as RegexNode) : { kind: 'sequence', nodes };
  }

  #take(): number {
    return this.#chars[this.#at++]?.codePointAt(0) ?? 0;
  }

  #one(code: number): RegexNode {
    return this.#set(literal(code));
  }

  #set(source: string): RegexNode {
    return { kind: 'char', set: { source, ignoresCase: this.#flags.ignoresCase } };
  }

  /** Undefined for flags that only change what follows. */
  #atom(): RegexNode | undefined {
    const char = this.#peek();
    switch (char) {
      case '(':
        return this.#group();
      case '[':
        return this.#class();
      case '.':
        this.#at++;
        return this.#set(this.#flags.dotIsAll ? '\\u{0}-\\u{10ffff}' : '\\u{0}-\\u{9}\\u{b}-\\u{10ffff}');
      case '^':
        this.#at++;
        return { kind: 'place', place: this.#flags.isMultiline ? 'lineStart' : 'textStart' };
      case '$':
        this.#at++;
        return { kind: 'place', place: this.#flags.isMultiline ? 'lineEnd' : 'textEnd' };
      case '*':
      case '+':
      case '?':
        throw new RegexProblem('missing argument to repetition operator', char);
      case '\\':
        return this.#escape();
      default:
        return this.#one(this.#take());
    }
  }

  #escape(): RegexNode {
    const place = ({ A: 'textStart', z: 'textEnd', b: 'boundary', B: 'noBoundary' } as const)[
      this.#peek(1) ?? ''
    ];
    if (place) {
      this.#at += 2;
      return { kind: 'place', place };
    }
    return this.#set(this.#escapedClass() ?? literal(this.#escapedChar()));
  }

  /** `\d`, `\W`, `\pL`, `\P{Greek}`; undefined, with nothing read, where it is none. */
  #escapedClass(): string | undefined {
    const letter = this.#peek(1) ?? '';
    const perl = Object.hasOwn(PERL, letter)
      ? PERL[letter]
      : Object.hasOwn(NOT_PERL, letter)
        ? NOT_PERL[letter]
        : undefined;
    if (perl !== undefined) {
      this.#at += 2;
      return perl;
    }
    if (letter !== 'p' && letter !== 'P') return undefined;
    const found = /^\\[pP](?:\{(\^?)([^}]*)\}|([A-Z]))/.exec(this.#rest());
    const name = found?.[2] ?? found?.[3] ?? '';
    const isNegated = (letter === 'P') !== (found?.[1] === '^');
    const property = found && unicodeProperty(name, isNegated ? 'P' : 'p');
    if (!property) throw new RegexProblem('invalid character class range', found?.[0] ?? this.#rest());
    this.#at += [...found[0]].length;
    return property;
  }

  #escapedChar(): number {
    const rest = this.#rest();
    const hex = /^\\x(?:\{([0-9a-fA-F]{1,6})\}|([0-9a-fA-F]{2}))/.exec(rest);
    const octal = /^\\(?:0[0-7]{0,2}|[1-7][0-7]{1,2})/.exec(rest);
    if (hex || octal) {
      const [text] = (hex ?? octal) as RegExpExecArray;
      const code = Number.parseInt(hex ? (hex[1] ?? hex[2] ?? '') : text.slice(1), hex ? 16 : 8);
      if (code > 0x10ffff) throw new RegexProblem('invalid escape sequence', text);
      this.#at += text.length;
      return code;
    }
    const char = this.#peek(1);
    if (char === undefined) throw new RegexProblem('trailing backslash at end of expression', '');
    const known = Object.hasOwn(ESCAPES, char) ? ESCAPES[char] : undefined;
    if (known === undefined && /^[0-9A-Za-z\u{80}-\u{10ffff}]/u.test(char))
      throw new RegexProblem('invalid escape sequence', `\\${char}`);
    this.#at += 2;
    return known ?? char.codePointAt(0) ?? 0;
  }

  #class(): RegexNode {
    const start = this.#at++;
    const isNegated = this.#accept('^');
    let inside = '';
    for (let isFirst = true; isFirst || this.#peek() !== ']'; isFirst = false) {
      if (this.#peek() === undefined) throw new RegexProblem('missing closing ]', this.#rest(start));
      inside += this.#classItem(start);
    }
    this.#at++;
    return this.#set(isNegated ? `^${inside}` : inside);
  }

  #classItem(start: number): string {
    const posix = /^\[:(\^?)([a-z]+):\]/.exec(this.#rest());
    if (posix) {
      const name = posix[2] ?? '';
      const source = Object.hasOwn(POSIX, name) ? POSIX[name] : undefined;
      if (source === undefined || posix[1]) throw new RegexProblem('invalid character class range', posix[0]);
      this.#at += posix[0].length;
      return source;
    }
    if (this.#peek() === '\\') {
      const source = this.#escapedClass();
      if (source !== undefined) return source;
    }
    const from = this.#at;
    const low = this.#classChar(start);
    if (this.#peek() !== '-' || this.#peek(1) === ']' || this.#peek(1) === undefined) return literal(low);
    this.#at++;
    const high = this.#classChar(start);
    if (high < low)
      throw new RegexProblem('invalid character class range', this.#chars.slice(from, this.#at).join(''));
    return `${literal(low)}-${literal(high)}`;
  }

  #classChar(start: number): number {
    if (this.#peek() === undefined) throw new RegexProblem('missing closing ]', this.#rest(start));
    return this.#peek() === '\\' ? this.#escapedChar() : this.#take();
  }

  #group(): RegexNode | undefined {
    const start = this.#at++;
    const outer = this.#flags;
    if (this.#peek() === '?') {
      const named = /^\?P?<([A-Za-z0-9_]+)>/.exec(this.#rest());
      if (named) {
        if (this.#names.has(named[1] ?? ''))
          throw new RegexProblem('duplicate capture group name', named[1] ?? '');
        this.#names.add(named[1] ?? '');
        this.#at += named[0].length;
      } else if (this.#changeFlags(start)) return undefined;
    }
    const node = this.#choice();
    if (!this.#accept(')')) throw new RegexProblem('missing closing )', this.#pattern);
    this.#flags = outer;
    return node;
  }

  /** `(?i)` for the rest of the group: true; `(?i:` for what is in it: false. */
  #changeFlags(start: number): boolean {
    const found = /^\?([imsU]*)(?:-([imsU]+))?([:)])/.exec(this.#rest());
    if (!found || (found[3] === ')' && !found[1] && !found[2]))
      throw new RegexProblem('invalid or unsupported Perl syntax', this.#rest(start).slice(0, 3));
    const [text, on = '', off = '', end] = found;
    const flag = (letter: string, now: boolean): boolean =>
      off.includes(letter) ? false : on.includes(letter) || now;
    this.#flags = {
      ignoresCase: flag('i', this.#flags.ignoresCase),
      isMultiline: flag('m', this.#flags.isMultiline),
      dotIsAll: flag('s', this.#flags.dotIsAll),
      isUngreedy: flag('U', this.#flags.isUngreedy),
    };
    this.#at += text.length;
    return end === ')';
  }

  #repeated(node: RegexNode, start: number): RegexNode {
    let result = node;
    for (let count = 0; ; count++) {
      const from = this.#at;
      const range = this.#range();
      if (!range) return result;
      const isLazy = this.#accept('?') !== this.#flags.isUngreedy;
      if (count > 0)
        throw new RegexProblem(
          'invalid nested repetition operator',
          this.#chars.slice(start, this.#at).join('').slice(-3),
        );
      const [min, max] = range;
      if (min > MAX_REPEAT || (max ?? 0) > MAX_REPEAT || (max !== undefined && max < min))
        throw new RegexProblem('invalid repeat count', this.#chars.slice(from, this.#at).join(''));
      result = { kind: 'repeat', node: result, min, max, isLazy };
    }
  }

  #range(): readonly [number, number | undefined] | undefined {
    if (this.#accept('*')) return [0, undefined];
    if (this.#accept('+')) return [1, undefined];
    if (this.#accept('?')) return [0, 1];
    const found = /^\{(\d{1,5})(?:(,)(\d{0,5}))?\}/.exec(
      this.#peek() === '{' ? this.#rest().slice(0, 16) : '',
    );
    if (!found) return undefined;
    this.#at += found[0].length;
    const min = Number(found[1]);
    if (!found[2]) return [min, min];
    return [min, found[3] ? Number(found[3]) : undefined];
  }
}

/** A category or a script that JavaScript knows. */
function unicodeProperty(name: string, letter: 'p' | 'P'): string | undefined {
  if (name === 'Any') return letter === 'p' ? '\\u{0}-\\u{10ffff}' : undefined;
  for (const property of [`General_Category=${name}`, `Script=${name}`]) {
    const source = `\\${letter}{${property}}`;
    try {
      new RegExp(`[${source}]`, 'u');
      return source;
    } catch {
      // Not this one.
    }
  }
  return undefined;
}
