import {
  Composer,
  type CST,
  type Document,
  Lexer,
  LineCounter,
  Parser,
  type ScalarTag,
  type Tags,
} from 'yaml';
import { MAX_NESTING, parseJson, SyntaxProblem } from '#proto/meta/decode/json.ts';
import type { StrictErrors } from '#proto/meta/decode/strict.ts';

/** Go's YAML reads `0o17` as an octal number too. */
const octal: ScalarTag = {
  tag: 'tag:yaml.org,2002:int',
  default: true,
  format: 'OCT',
  test: /^[-+]?0o[0-7]+$/,
  resolve: (text) => (text.startsWith('-') ? -1 : 1) * Number.parseInt(text.replace(/^[-+]?0o/, ''), 8),
};

/** Timestamps and base-60 numbers stay strings, as kubectl's YAML has them. */
const customTags = (tags: Tags): Tags => [
  ...tags.filter((tag) => typeof tag === 'string' || !(tag.format === 'TIME' || /timestamp/.test(tag.tag))),
  octal,
];

/**
 * The value of one YAML document, read as kubectl reads it: YAML 1.1, where `yes` is true and `0644` octal.
 * Anchors that multiply are refused. With `strict`, doubled keys are reported.
 */
export function parseYaml(text: string, strict?: StrictErrors): unknown {
  if (text.startsWith('{')) {
    // JSON is YAML, kubectl sends it as such, and JSON.parse is far quicker.
    try {
      return parseJson(text, strict);
    } catch {
      // Flow style that is YAML only.
    }
  }
  const lines = new LineCounter();
  try {
    const document = compose(text, lines, strict !== undefined);
    for (const error of document.errors) {
      const line = lines.linePos(error.pos[0]).line;
      if (error.code !== 'DUPLICATE_KEY' || !strict)
        throw new SyntaxProblem(`yaml: line ${line}: ${error.message}`);
      const key = /^[^:\n]*/.exec(text.slice(error.pos[0], error.pos[0] + 256))?.[0] ?? '';
      strict.yaml(`line ${line}: key ${JSON.stringify(key.trim())} already set in map`);
    }
    const value: unknown = document.toJS({ maxAliasCount: 100 });
    if (deeper(value, MAX_NESTING)) throw new SyntaxProblem('exceeded max depth');
    return plain(value);
  } catch (cause) {
    if (cause instanceof SyntaxProblem) throw cause;
    throw new SyntaxProblem(`yaml: ${cause instanceof Error ? cause.message : 'not YAML'}`, { cause });
  }
}

/** An object that the store takes has far fewer: it is structure that costs, not the length of a text in it. */
const MAX_LEXEMES = 200_000;

/**
 * As the parser's own `parseDocument`, but it gives up on depth and on a flood of tokens before they are composed, and
 * its errors come without stack traces: a body of 100 KB can hold as many errors, and held the process for 8 s.
 */
function compose(text: string, lines: LineCounter, uniqueKeys: boolean): Document.Parsed {
  const errors = Error as { stackTraceLimit?: number };
  const limit = errors.stackTraceLimit;
  errors.stackTraceLimit = 0;
  try {
    const composer = new Composer({
      version: '1.1',
      schema: 'yaml-1.1',
      customTags,
      uniqueKeys,
      prettyErrors: false,
      logLevel: 'error',
    });
    const [document, second] = composer.compose(tokens(text, lines), true, text.length);
    if (second) throw new SyntaxProblem('yaml: expected a single document in the stream');
    if (!document) throw new SyntaxProblem('yaml: no document');
    return document;
  } finally {
    if (limit !== undefined) errors.stackTraceLimit = limit;
  }
}

function* tokens(text: string, lines: LineCounter): Generator<CST.Token> {
  const parser = new Parser(lines.addNewLine);
  lines.addNewLine(0);
  let count = 0;
  for (const lexeme of new Lexer().lex(text)) {
    yield* parser.next(lexeme);
    if (parser.stack.length > 2 * MAX_NESTING) throw new SyntaxProblem('exceeded max depth');
    if (++count > MAX_LEXEMES) throw new SyntaxProblem('yaml: too many tokens');
  }
  yield* parser.end();
}

function deeper(value: unknown, most: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return most === 0 || Object.values(value).some((inner) => deeper(inner, most - 1));
}

/**
 * Only what JSON has: no dates, bigints, bytes or sets, and no object that two places share. Keys are sorted, as they
 * are upstream, where YAML becomes JSON by way of Go's maps: that is the order in which problems are told.
 */
function plain(value: unknown): unknown {
  return value === undefined ? null : JSON.parse(JSON.stringify(value, (_, v) => sorted(v)));
}

function sorted(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
