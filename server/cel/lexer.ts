import type { Issue } from '#server/cel/source.ts';

export type TokenKind =
  | 'end'
  | 'ident'
  | 'escapedIdent'
  | 'int'
  | 'uint'
  | 'double'
  | 'string'
  | 'bytes'
  /** Operators, brackets, and the words `in`, `true`, `false`, `null`. */
  | 'symbol';

export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
  /** UTF-16 offset. */
  readonly at: number;
}

const ESCAPE = String.raw`\\(?:[abfnrtv"'\\?\x60]|[xX][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-3][0-7]{2})`;
const QUOTED = [
  `"""(?:${ESCAPE}|[^\\\\])*?"""`,
  `'''(?:${ESCAPE}|[^\\\\])*?'''`,
  `"(?:${ESCAPE}|[^\\\\"\\n\\r])*"`,
  `'(?:${ESCAPE}|[^\\\\'\\n\\r])*'`,
  `[rR]"""[\\s\\S]*?"""`,
  `[rR]'''[\\s\\S]*?'''`,
  `[rR]"[^"\\n\\r]*"`,
  `[rR]'[^'\\n\\r]*'`,
].join('|');

const PATTERNS: readonly (readonly [TokenKind | 'space', RegExp])[] = [
  ['space', /(?:[\t \r\n\f]+|\/\/[^\n]*)+/y],
  ['bytes', new RegExp(`[bB](?:${QUOTED})`, 'y')],
  ['string', new RegExp(QUOTED, 'y')],
  ['ident', /[A-Za-z_][A-Za-z0-9_]*/y],
  ['double', /(?:[0-9]+\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+|\.[0-9]+(?:[eE][+-]?[0-9]+)?)/y],
  ['uint', /(?:0x[0-9a-fA-F]+|[0-9]+)[uU]/y],
  ['int', /(?:0x[0-9a-fA-F]+|[0-9]+)/y],
  ['escapedIdent', /`[A-Za-z0-9_.\-/ ]+`/y],
  ['symbol', /==|!=|<=|>=|&&|\|\||[<>[\]{}().,\-!?:+*/%]/y],
];

const WORDS = new Set(['in', 'true', 'false', 'null']);
/** The lexer goes on after what it can't read, but not forever. */
const MAX_ISSUES = 100;

/** The tokens of a source, ending with `end`. Rule: cel-go's grammar, `parser/gen/CEL.g4`. */
export function tokenize(source: string): {
  readonly tokens: readonly Token[];
  readonly issues: readonly Issue[];
} {
  const tokens: Token[] = [];
  const issues: Issue[] = [];
  let at = 0;
  while (at < source.length) {
    const found = match(source, at);
    if (!found) {
      const length = unreadable(source, at);
      const text = source.slice(at, at + length);
      issues.push({
        at,
        message: `Syntax error: token recognition error at: '${text}'`,
      });
      if (issues.length >= MAX_ISSUES) break;
      at += length;
      continue;
    }
    const [kind, text] = found;
    if (kind !== 'space')
      tokens.push({ kind: kind === 'ident' && WORDS.has(text) ? 'symbol' : kind, text, at });
    at += text.length;
  }
  tokens.push({ kind: 'end', text: '<EOF>', at: source.length });
  return { tokens, issues };
}

/** The longest match wins; among equals the first. */
function match(source: string, at: number): readonly [TokenKind | 'space', string] | undefined {
  let best: readonly [TokenKind | 'space', string] | undefined;
  for (const [kind, pattern] of PATTERNS) {
    pattern.lastIndex = at;
    const text = pattern.exec(source)?.[0];
    if (text !== undefined && text.length > (best?.[1].length ?? 0)) best = [kind, text];
  }
  return best;
}

/** How far a lexer reads that started a token which then is none, as its message shows it. */
function unreadable(source: string, at: number): number {
  const rest = source.slice(at);
  if (/^[|&=]/.test(rest))
    return Math.min(rest.length, 1 + String.fromCodePoint(rest.codePointAt(1) ?? 0).length);
  const quoted = new RegExp(`^(["'])(?:${ESCAPE}|(?!\\1)[^\\\\\\n\\r])*`).exec(rest);
  if (quoted) {
    const from = quoted[0].length;
    const broken = /^\\(?:[xX][0-9a-fA-F]?|u[0-9a-fA-F]{0,3}|U[0-9a-fA-F]{0,7}|[0-3][0-7]?)?/.exec(
      rest.slice(from),
    );
    const end = from + (broken?.[0].length ?? 0);
    return Math.min(rest.length, end + String.fromCodePoint(rest.codePointAt(end) ?? 0).length);
  }
  return String.fromCodePoint(rest.codePointAt(0) ?? 0).length;
}
