import { isObject } from '#proto/meta/own-property.ts';

/**
 * The JSONPath of `kubectl` and of CustomResourceDefinitions, without `range` and templates: `.spec.replicas`,
 * `.status.conditions[?(@.type=="Ready")].status`, `['a.b']`, `[*]`, `[1:3]`, `..`. Rule: client-go `util/jsonpath`.
 */
export type JsonPath = readonly Step[];

type Step =
  | { readonly kind: 'field'; readonly name: string }
  | { readonly kind: 'wildcard' }
  | { readonly kind: 'recursive' }
  | { readonly kind: 'value'; readonly value: string | number | boolean }
  | { readonly kind: 'slice'; readonly bounds: Bounds }
  | { readonly kind: 'union'; readonly paths: readonly JsonPath[] }
  | {
      readonly kind: 'filter';
      readonly left: JsonPath;
      readonly operator: string;
      readonly right: JsonPath;
    };

/** Absent: to the end there. `single`: an index, which counts from the end where it is negative. */
interface Bounds {
  readonly from: number | undefined;
  readonly to: number | undefined;
  readonly single: boolean;
  readonly step: number;
}

export class JsonPathError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'JsonPathError';
  }
}

/** Throws {@link JsonPathError}. */
export const parseJsonPath = (text: string): JsonPath => new Parser(text).parse();

/** What the path finds, in order; keys that are missing find nothing. Throws {@link JsonPathError}. */
export function evaluateJsonPath(path: JsonPath, root: unknown): unknown[] {
  let current: unknown[] = [root];
  for (const step of path) current = evaluate(step, current);
  return current;
}

const TERMINATORS = ' \t\r\n.,[]$@{}';

class Parser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  parse(): JsonPath {
    const steps: Step[] = [];
    while (this.#at < this.#text.length) this.#step(steps);
    return steps;
  }

  #step(steps: Step[]): void {
    const rest = this.#text.slice(this.#at);
    const char = rest[0] ?? '';
    if (rest.startsWith('[?(')) return void steps.push(this.#filter());
    if (rest.startsWith('..')) return void this.#recursive(steps);
    if (char === ' ' || char === '@' || char === '$') return void this.#at++;
    if (char === '[') return void this.#brackets(steps);
    if (char === '"' || char === "'") return void steps.push({ kind: 'value', value: this.#quoted(char) });
    if (char === '.') {
      this.#at++;
      return void steps.push(this.#field());
    }
    const number = /^[-+]?[0-9.]+/.exec(rest)?.[0];
    if (number !== undefined) {
      if (!Number.isFinite(Number(number))) throw new JsonPathError(`cannot parse number ${number}`);
      this.#at += number.length;
      return void steps.push({ kind: 'value', value: Number(number) });
    }
    const word = /^(?:true|false)(?![^\s.,[\]$@{}])/.exec(rest)?.[0];
    if (word === undefined) {
      const name = /^[\p{L}\p{N}_]+/u.exec(rest)?.[0];
      throw new JsonPathError(
        name === undefined ? `unrecognized character in action: ${char}` : `unrecognized identifier ${name}`,
      );
    }
    this.#at += word.length;
    steps.push({ kind: 'value', value: word === 'true' });
  }

  #recursive(steps: Step[]): void {
    if (steps.at(-1)?.kind === 'recursive') throw new JsonPathError('invalid multiple recursive descent');
    this.#at += 2;
    steps.push({ kind: 'recursive' });
    if (/^[\p{L}\p{N}_]/u.test(this.#text.slice(this.#at))) steps.push(this.#field());
  }

  #field(): Step {
    let name = '';
    for (; this.#at < this.#text.length; this.#at++) {
      let char = this.#text[this.#at] ?? '';
      if (char === '\\') char = this.#text[++this.#at] ?? '';
      else if (TERMINATORS.includes(char)) break;
      name += char;
    }
    return name === '*' ? { kind: 'wildcard' } : { kind: 'field', name };
  }

  #brackets(steps: Step[]): void {
    const end = this.#text.indexOf(']', this.#at);
    if (end < 0) throw new JsonPathError('unterminated array');
    const inner = this.#text.slice(this.#at + 1, end);
    this.#at = end + 1;
    const parts = inner.split(',');
    if (parts.length > 1) {
      steps.push({ kind: 'union', paths: parts.map((part) => parseJsonPath(`[${part.trim()}]`)) });
      return;
    }
    const key = /^'([^']*)'$/.exec(inner)?.[1];
    if (key !== undefined) steps.push(...parseJsonPath(`.${key}`));
    else steps.push({ kind: 'slice', bounds: boundsOf(inner === '*' ? ':' : inner) });
  }

  #quoted(quote: string): string {
    let end = this.#at + 1;
    while (end < this.#text.length && (this.#text[end] !== quote || this.#text[end - 1] === '\\')) end++;
    if (end >= this.#text.length) throw new JsonPathError('unterminated quoted string');
    const value = this.#text.slice(this.#at + 1, end).replace(/\\(.)/g, '$1');
    this.#at = end + 1;
    return value;
  }

  #filter(): Step {
    const from = this.#at + 3;
    let quote = '';
    let end = from;
    for (; end < this.#text.length; end++) {
      const char = this.#text[end] ?? '';
      if (quote) {
        if (char === quote && this.#text[end - 1] !== '\\') quote = '';
      } else if (char === '"' || char === "'") quote = char;
      else if (char === ')') break;
    }
    if (end >= this.#text.length) throw new JsonPathError('unterminated filter');
    if (this.#text[end + 1] !== ']') throw new JsonPathError('unclosed array expect ]');
    this.#at = end + 2;
    const text = this.#text.slice(from, end);
    const parts = /^([^!<>=]+)([!<>=]+)(.+)$/.exec(text);
    if (!parts) return { kind: 'filter', left: parseJsonPath(text), operator: 'exists', right: [] };
    const [, left = '', operator = '', right = ''] = parts;
    return { kind: 'filter', left: parseJsonPath(left), operator, right: parseJsonPath(right) };
  }
}

function boundsOf(text: string): Bounds {
  const parts = /^(-?[0-9]*)(:-?[0-9]*)?(:-?[0-9]*)?$/.exec(text);
  if (!parts) throw new JsonPathError(`invalid array index ${text}`);
  const [from, to, step] = parts.slice(1).map((part) => {
    const digits = part?.replace(/^:/, '');
    return digits ? Number(digits) : undefined;
  });
  if (step !== undefined && step <= 0) throw new JsonPathError('step must be > 0');
  return { from, to, single: parts[2] === undefined, step: step ?? 1 };
}

function evaluate(step: Step, input: readonly unknown[]): unknown[] {
  switch (step.kind) {
    case 'value':
      return input.map(() => step.value);
    case 'field':
      return input.flatMap((value) =>
        isObject(value) && Object.hasOwn(value, step.name) ? [value[step.name]] : [],
      );
    case 'wildcard':
      return input.flatMap(childrenOf);
    case 'recursive':
      return input.flatMap(descendantsOf);
    case 'slice':
      return input.flatMap((value) => slice(value, step.bounds));
    case 'union':
      return step.paths.flatMap((path) => input.flatMap((value) => evaluateJsonPath(path, value)));
    case 'filter':
      return input.flatMap((value) => filter(value, step));
  }
}

const childrenOf = (value: unknown): unknown[] =>
  typeof value === 'object' && value !== null ? Object.values(value) : [];

function descendantsOf(value: unknown): unknown[] {
  const children = childrenOf(value);
  return children.length === 0 ? [] : [value, ...children.flatMap(descendantsOf)];
}

function slice(value: unknown, { from, to, single, step }: Bounds): unknown[] {
  if (value === null || value === undefined) return [];
  if (!Array.isArray(value)) throw new JsonPathError('the value is not array or slice');
  const { length } = value;
  let start = from ?? 0;
  if (start < 0) start += length;
  let end = single ? start + 1 : (to ?? length);
  if (end < 0) end += length;
  if (start === end) return [];
  if (start >= length || start < 0 || end > length || end < 0)
    throw new JsonPathError(`array index out of bounds: index ${start}, length ${length}`);
  if (start > end) throw new JsonPathError(`starting index ${start} is greater than ending index ${end}`);
  return value.slice(start, end).filter((_, i) => i % step === 0);
}

function filter(value: unknown, { left, operator, right }: Step & { kind: 'filter' }): unknown[] {
  if (!Array.isArray(value))
    throw new JsonPathError('the value is not array or slice and cannot be filtered');
  return value.filter((item) => {
    const lefts = evaluateJsonPath(left, item);
    if (operator === 'exists') return lefts.length > 0;
    const rights = evaluateJsonPath(right, item);
    if (lefts.length === 0 || rights.length === 0) return false;
    if (lefts.length > 1 || rights.length > 1)
      throw new JsonPathError('can only compare one element at a time');
    return compare(lefts[0], operator, rights[0]);
  });
}

function compare(left: unknown, operator: string, right: unknown): boolean {
  if (typeof left !== typeof right) throw new JsonPathError('incompatible types for comparison');
  const a = left as string | number;
  const b = right as string | number;
  switch (operator) {
    case '==':
      return a === b;
    case '!=':
      return a !== b;
    case '<':
      return a < b;
    case '<=':
      return a <= b;
    case '>':
      return a > b;
    case '>=':
      return a >= b;
    default:
      throw new JsonPathError(`unrecognized filter operator ${operator}`);
  }
}
