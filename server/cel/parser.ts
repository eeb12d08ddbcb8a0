import { type Expr, OPERATOR } from '#server/cel/ast.ts';
import { type Token, tokenize } from '#server/cel/lexer.ts';
import { expandMacro, MacroProblem } from '#server/cel/macros.ts';
import type { Issue } from '#server/cel/source.ts';
import { unescapeBytes, unescapeString } from '#server/cel/unescape.ts';
import { CelUint, type CelValue } from '#server/cel/value.ts';

/** Upstream's limits, so that a hostile expression is refused alike. */
const MAX_CODE_POINTS = 100_000;
const MAX_DEPTH = 250;
const MIN_INT = -(2n ** 63n);
const MAX_INT = 2n ** 63n - 1n;
const MAX_UINT = 2n ** 64n - 1n;

const RESERVED = new Set(
  'as break const continue else for function if import let loop package namespace return var void while'.split(
    ' ',
  ),
);
const EXPRESSION =
  "'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER";
const START = `{${EXPRESSION}}`;
const CALL_START = START.replace("'(', ", "'(', ')', ");
const INDEX_START = START.replace("'!', ", "'!', '?', ");
const ENTRY_START = `{${EXPRESSION.replace("'{', '('", "'{', '}', '(', '.', ','").replace("'.', ',', '.', '-', '!'", "'.', ',', '-', '!', '?'")}}`;

/** Binary operators, weakest first; each level is left associative. */
const LEVELS: readonly (readonly string[])[] = [
  ['||'],
  ['&&'],
  ['<', '<=', '>=', '>', '==', '!=', 'in'],
  ['+', '-'],
  ['*', '/', '%'],
];

class SyntaxProblem {
  readonly issue: Issue;

  constructor(at: number, message: string) {
    this.issue = { at, message };
  }
}

/** Parses a source and expands its macros. The first syntax error ends it; what the lexer could not read is told too. */
export function parse(source: string): { readonly expr: Expr } | { readonly issues: readonly Issue[] } {
  const size = [...source].length;
  if (size > MAX_CODE_POINTS)
    return {
      issues: [
        {
          at: -1,
          message: `expression code point size exceeds limit: size: ${size}, limit ${MAX_CODE_POINTS}`,
        },
      ],
    };
  const { tokens, issues } = tokenize(source);
  const parser = new Parser(tokens);
  try {
    const expr = parser.parse();
    const all = [...issues, ...parser.issues];
    return all.length === 0 ? { expr } : { issues: all };
  } catch (err) {
    if (err instanceof SyntaxProblem) return { issues: [...issues, ...parser.issues, err.issue] };
    throw err;
  }
}

class Parser {
  readonly issues: Issue[] = [];
  readonly #tokens: readonly Token[];
  #next = 0;
  #depth = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  parse(): Expr {
    const expr = this.#expression();
    const token = this.#peek();
    if (token.kind !== 'end') throw this.#mismatch('<EOF>', this.#tokens[this.#next + 1]?.kind === 'end');
    return expr;
  }

  #peek(): Token {
    return this.#tokens[this.#next] as Token;
  }

  #take(): Token {
    const token = this.#peek();
    if (token.kind !== 'end') this.#next++;
    return token;
  }

  #is(symbol: string): boolean {
    const { kind, text } = this.#peek();
    return kind === 'symbol' && text === symbol;
  }

  #accept(symbol: string): Token | undefined {
    return this.#is(symbol) ? this.#take() : undefined;
  }

  /** `[,]` is an empty list. */
  #acceptLoneComma(end: string): void {
    if (this.#is(',') && this.#tokens[this.#next + 1]?.text === end) this.#take();
  }

  /** No comma was read last. */
  #isBehindItem(): boolean {
    return this.#tokens[this.#next - 1]?.text !== ',';
  }

  #expect(symbol: string, expecting = `'${symbol}'`): Token {
    const token = this.#accept(symbol);
    if (token) return token;
    const next = this.#tokens[this.#next + 1];
    if (next?.kind === 'symbol' && next.text === symbol) throw this.#mismatch(expecting, true);
    const current = this.#peek();
    const isMissing =
      expecting === `'${symbol}'` && (symbol === ':' ? canStart(current) : current.kind === 'end');
    throw isMissing ? this.#missing(symbol) : this.#mismatch(expecting);
  }

  /** A token that is only too much is extraneous; any other does not match. */
  #mismatch(expecting: string, isExtra = false): SyntaxProblem {
    const { text, at } = this.#peek();
    const shown = text.replaceAll('\n', '\\n');
    return new SyntaxProblem(
      at,
      `Syntax error: ${isExtra ? 'extraneous' : 'mismatched'} input '${shown}' expecting ${expecting}`,
    );
  }

  #missing(symbol: string): SyntaxProblem {
    return new SyntaxProblem(this.#peek().at, `Syntax error: missing '${symbol}' at '${this.#peek().text}'`);
  }

  #fail(at: number, message: string): Expr {
    this.issues.push({ at, message });
    return { kind: 'literal', at, value: null };
  }

  #deeper<T>(parse: () => T): T {
    if (++this.#depth > MAX_DEPTH)
      throw new SyntaxProblem(-1, `expression recursion limit exceeded: ${MAX_DEPTH}`);
    const result = parse();
    this.#depth--;
    return result;
  }

  #expression(): Expr {
    return this.#deeper(() => {
      const condition = this.#binary(0);
      const op = this.#accept('?');
      if (!op) return condition;
      const yes = this.#binary(0);
      this.#expect(':');
      const no = this.#expression();
      return {
        kind: 'call',
        at: op.at,
        name: OPERATOR.conditional,
        target: undefined,
        args: [condition, yes, no],
      };
    });
  }

  #binary(level: number): Expr {
    const operators = LEVELS[level];
    if (!operators) return this.#unary();
    const first = this.#binary(level + 1);
    const rest: { op: Token; right: Expr }[] = [];
    while (this.#peek().kind === 'symbol' && operators.includes(this.#peek().text)) {
      const op = this.#take();
      rest.push({ op, right: this.#binary(level + 1) });
    }
    if (level < 2)
      return balance(
        [first, ...rest.map(({ right }) => right)],
        rest.map(({ op }) => op),
      );
    if (rest.length > MAX_DEPTH)
      throw new SyntaxProblem(-1, `expression recursion limit exceeded: ${MAX_DEPTH}`);
    return rest.reduce<Expr>((left, { op, right }) => binaryCall(op, left, right), first);
  }

  #unary(): Expr {
    const op = this.#peek();
    if (op.kind !== 'symbol' || (op.text !== '!' && op.text !== '-')) return this.#member();
    let count = 0;
    while (this.#is(op.text) && !(op.text === '-' && this.#isNumberAhead())) {
      this.#take();
      count++;
    }
    const operand = this.#member();
    if (count % 2 === 0) return operand;
    const name = op.text === '!' ? OPERATOR.not : OPERATOR.negate;
    return { kind: 'call', at: op.at, name, target: undefined, args: [operand] };
  }

  /** The sign of a number belongs to it. */
  #isNumberAhead(): boolean {
    const kind = this.#tokens[this.#next + 1]?.kind;
    return kind === 'int' || kind === 'double';
  }

  #member(): Expr {
    let expr = this.#primary();
    for (let links = 0; ; links++) {
      if (links > MAX_DEPTH) throw new SyntaxProblem(-1, `expression recursion limit exceeded: ${MAX_DEPTH}`);
      const op = this.#peek();
      if (this.#accept('.')) expr = this.#selection(expr, op);
      else if (this.#accept('[')) {
        const name = this.#accept('?') ? OPERATOR.optionalIndex : OPERATOR.index;
        const index = this.#expression();
        this.#expect(']');
        expr = { kind: 'call', at: op.at, name, target: undefined, args: [expr, index] };
      } else return expr;
    }
  }

  #selection(operand: Expr, op: Token): Expr {
    const isOptional = this.#accept('?') !== undefined;
    const id = this.#take();
    if (id.kind !== 'ident' && id.kind !== 'escapedIdent') {
      const isWord = /^(true|false|null)$/.test(id.text);
      throw new SyntaxProblem(
        id.at,
        isWord
          ? `Syntax error: mismatched input '${id.text}' expecting IDENTIFIER`
          : `Syntax error: no viable alternative at input '.${id.kind === 'end' ? '' : id.text}'`,
      );
    }
    if (id.kind === 'escapedIdent') this.#fail(id.at, "unsupported syntax: '`'");
    if (isOptional) {
      const field: Expr = { kind: 'literal', at: id.at, value: id.text };
      return {
        kind: 'call',
        at: op.at,
        name: OPERATOR.optionalSelect,
        target: undefined,
        args: [operand, field],
      };
    }
    const open = this.#accept('(');
    if (open) return this.#call(open, id.text, operand);
    return { kind: 'select', at: op.at, operand, field: id.text, isTest: false };
  }

  #call(open: Token, name: string, target: Expr | undefined): Expr {
    const args: Expr[] = [];
    if (!this.#is(')')) {
      do args.push(this.#expression());
      while (this.#accept(','));
    }
    this.#expect(')');
    const call = { kind: 'call', at: open.at, name, target, args } as const;
    try {
      return expandMacro(call) ?? call;
    } catch (err) {
      if (err instanceof MacroProblem) return this.#fail(err.at, err.message);
      throw err;
    }
  }

  #primary(): Expr {
    const token = this.#take();
    const { at, text } = token;
    switch (token.kind) {
      case 'ident':
        return this.#named(token, '');
      case 'int':
      case 'uint':
      case 'double':
        return this.#number(token, '');
      case 'string': {
        const string = unescapeString(text);
        return 'problem' in string
          ? this.#fail(at, string.problem)
          : { kind: 'literal', at, value: string.text };
      }
      case 'bytes': {
        const bytes = unescapeBytes(text.slice(1));
        return 'problem' in bytes
          ? this.#fail(at, bytes.problem)
          : { kind: 'literal', at, value: bytes.bytes };
      }
      case 'symbol':
        return this.#symbol(token);
      default:
        throw this.#unexpected(token);
    }
  }

  /** What can't start an expression; extraneous where the token behind it could. */
  #unexpected({ at, text, kind }: Token): SyntaxProblem {
    const isExtra = kind !== 'end' && canStart(this.#peek());
    const before = this.#tokens[this.#next - (kind === 'end' ? 1 : 2)]?.text;
    const expecting = before === '(' && kind === 'end' ? CALL_START : before === '[' ? INDEX_START : START;
    return new SyntaxProblem(
      at,
      `Syntax error: ${isExtra ? 'extraneous' : 'mismatched'} input '${text}' expecting ${expecting}`,
    );
  }

  #symbol(token: Token): Expr {
    const { at, text } = token;
    const literal = (value: CelValue): Expr => ({ kind: 'literal', at, value });
    switch (text) {
      case 'true':
        return literal(true);
      case 'false':
        return literal(false);
      case 'null':
        return literal(null);
      case '-':
        return this.#number(this.#take(), '-', at);
      case '.': {
        const id = this.#peek();
        if (id.kind !== 'ident') throw this.#mismatch('IDENTIFIER');
        return this.#named(this.#take(), '.');
      }
      case '(': {
        const inner = this.#expression();
        this.#expect(')');
        return inner;
      }
      case '[':
        return this.#list(at);
      case '{':
        return this.#map(at);
      default:
        throw this.#unexpected(token);
    }
  }

  #number({ kind, text, at }: Token, sign: string, signAt = at): Expr {
    if (kind === 'double') {
      const value = Number(sign + text);
      return Number.isFinite(value)
        ? { kind: 'literal', at: signAt, value }
        : this.#fail(signAt, 'invalid double literal');
    }
    const digits = BigInt(text.replace(/[uU]$/, ''));
    if (kind === 'uint')
      return digits > MAX_UINT
        ? this.#fail(signAt, 'invalid uint literal')
        : { kind: 'literal', at: signAt, value: new CelUint(digits) };
    const value = sign ? -digits : digits;
    return value < MIN_INT || value > MAX_INT
      ? this.#fail(signAt, 'invalid int literal')
      : { kind: 'literal', at: signAt, value };
  }

  /** A name alone, a function, or the name of a message in front of its fields. */
  #named(id: Token, dot: string): Expr {
    const struct = this.#structName(id);
    if (struct) return this.#struct(dot + struct.name, struct.open);
    if (RESERVED.has(id.text)) this.#fail(id.at, `reserved identifier: ${id.text}`);
    const open = this.#accept('(');
    if (open) return this.#call(open, dot + id.text, undefined);
    return RESERVED.has(id.text)
      ? { kind: 'literal', at: id.at, value: null }
      : { kind: 'ident', at: id.at, name: dot + id.text };
  }

  /** Reads `A.b.C{`, or nothing. */
  #structName(id: Token): { readonly name: string; readonly open: Token } | undefined {
    let ahead = this.#next;
    let name = id.text;
    for (;;) {
      const token = this.#tokens[ahead];
      if (token?.kind !== 'symbol') return undefined;
      if (token.text === '{') {
        this.#next = ahead + 1;
        return { name, open: token };
      }
      const field = this.#tokens[ahead + 1];
      if (token.text !== '.' || field?.kind !== 'ident') return undefined;
      name += `.${field.text}`;
      ahead += 2;
    }
  }

  #struct(name: string, open: Token): Expr {
    const fields: { at: number; name: string; value: Expr; isOptional: boolean }[] = [];
    while (!this.#is('}')) {
      const isOptional = this.#accept('?') !== undefined;
      const id = this.#peek();
      if (id.kind !== 'ident' && id.kind !== 'escapedIdent')
        throw this.#mismatch("{'}', ',', '?', IDENTIFIER, ESC_IDENTIFIER}");
      this.#take();
      if (id.kind === 'escapedIdent') this.#fail(id.at, "unsupported syntax: '`'");
      const colon = this.#expect(':');
      fields.push({ at: colon.at, name: id.text, value: this.#expression(), isOptional });
      if (!this.#accept(',')) break;
    }
    this.#expect('}', fields.length > 0 && this.#isBehindItem() ? "{'}', ','}" : "'}'");
    return { kind: 'struct', at: open.at, name, fields };
  }

  #list(at: number): Expr {
    const items: { value: Expr; isOptional: boolean }[] = [];
    this.#acceptLoneComma(']');
    while (!this.#is(']')) {
      const isOptional = this.#accept('?') !== undefined;
      items.push({ value: this.#expression(), isOptional });
      if (!this.#accept(',')) break;
    }
    this.#expect(']', items.length > 0 && this.#isBehindItem() ? "{']', ','}" : "']'");
    return { kind: 'list', at, items };
  }

  #map(at: number): Expr {
    const entries: { at: number; key: Expr; value: Expr; isOptional: boolean }[] = [];
    this.#acceptLoneComma('}');
    while (!this.#is('}')) {
      if (this.#peek().kind === 'end') throw this.#mismatch(entries.length === 0 ? ENTRY_START : START);
      const isOptional = this.#accept('?') !== undefined;
      const key = this.#expression();
      const colon = this.#expect(':');
      entries.push({ at: colon.at, key, value: this.#expression(), isOptional });
      if (!this.#accept(',')) break;
    }
    this.#expect('}', entries.length > 0 && this.#isBehindItem() ? "{'}', ','}" : "'}'");
    return { kind: 'map', at, entries };
  }
}

const canStart = ({ kind, text }: Token): boolean =>
  kind === 'symbol' ? '[ { ( . - ! true false null'.split(' ').includes(text) : kind !== 'end';

const binaryCall = (op: Token, left: Expr, right: Expr): Expr => ({
  kind: 'call',
  at: op.at,
  name: op.text === 'in' ? '@in' : `_${op.text}_`,
  target: undefined,
  args: [left, right],
});

/** Long chains of `&&` and `||` become flat trees, as cel-go makes them, so that their length is not depth. */
function balance(terms: readonly Expr[], ops: readonly Token[]): Expr {
  if (terms.length === 1) return terms[0] as Expr;
  const middle = Math.floor(ops.length / 2);
  return binaryCall(
    ops[middle] as Token,
    balance(terms.slice(0, middle + 1), ops.slice(0, middle)),
    balance(terms.slice(middle + 1), ops.slice(middle + 1)),
  );
}
