import { labelKeyProblems } from '#proto/meta/label-syntax.ts';
import {
  checked,
  type Operator,
  type Requirement,
  type Selector,
  SelectorError,
} from '#proto/meta/selector.ts';

/**
 * The text form of label selectors: `app=web,tier in (a,b),!old,replicas>3`. Words may be any characters but
 * blanks and `=!(),><`; `in` and `notin` are operators only where an operator can stand.
 */
export function parseLabelSelector(text: string): Selector {
  const words = new Words(text);
  const requirements: Requirement[] = [];
  while (!words.isEnd()) {
    const next = words.peek();
    if (next.kind !== 'word' && next.text !== '!')
      throw new SelectorError(`found '${next.text}', expected: !, identifier, or 'end of string'`);
    try {
      requirements.push(requirement(words));
    } catch (err) {
      if (err instanceof SelectorError)
        throw new SelectorError(`unable to parse requirement: ${err.message}`);
      throw err;
    }
    const after = words.take();
    if (after.kind === 'end') break;
    if (after.text !== ',')
      throw new SelectorError(`found '${after.text}', expected: ',' or 'end of string'`);
    const then = words.peek();
    if (then.kind !== 'word' && then.text !== '!')
      throw new SelectorError(`found '${then.text}', expected: identifier after ','`);
  }
  requirements.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  return { requirements, nothing: false };
}

interface Word {
  readonly kind: 'word' | 'symbol' | 'end';
  readonly text: string;
}

const END: Word = { kind: 'end', text: '' };
const TOKEN = /[ \t\r\n]*(?:(==|!=|[=!(),><])|([^ \t\r\n=!(),><]+))/y;

class Words {
  readonly #words: Word[] = [];
  #at = 0;

  constructor(text: string) {
    TOKEN.lastIndex = 0;
    for (let hit = TOKEN.exec(text); hit; hit = TOKEN.exec(text))
      this.#words.push(
        hit[1] === undefined ? { kind: 'word', text: hit[2] ?? '' } : { kind: 'symbol', text: hit[1] },
      );
  }

  peek(): Word {
    return this.#words[this.#at] ?? END;
  }

  take(): Word {
    const word = this.peek();
    this.#at++;
    return word;
  }

  isEnd(): boolean {
    return this.peek() === END;
  }
}

const OPERATOR: Readonly<Record<string, Operator>> = {
  in: 'in',
  notin: 'notin',
  '=': '=',
  '==': '==',
  '!=': '!=',
  '>': 'gt',
  '<': 'lt',
};

function requirement(words: Words): Requirement {
  const absent = words.peek().text === '!';
  if (absent) words.take();
  const key = words.take();
  if (key.kind !== 'word') throw new SelectorError(`found '${key.text}', expected: identifier`);
  const bad = labelKeyProblems(key.text);
  if (bad.length > 0)
    throw new SelectorError(`<nil>: Invalid value: ${JSON.stringify(key.text)}: ${bad.join('; ')}`);
  const next = words.peek();
  if (absent) return checked({ key: key.text, operator: '!', values: [] });
  if (next.kind === 'end' || next.text === ',')
    return checked({ key: key.text, operator: 'exists', values: [] });
  words.take();
  const operator = Object.hasOwn(OPERATOR, next.text) ? OPERATOR[next.text] : undefined;
  if (!operator) throw new SelectorError(`found '${next.text}', expected: in, notin, =, ==, !=, gt, lt`);
  const values = operator === 'in' || operator === 'notin' ? valueSet(words) : exactValue(words);
  return checked({ key: key.text, operator, values: [...new Set(values)].sort() });
}

function exactValue(words: Words): string[] {
  const next = words.peek();
  if (next.kind === 'end' || next.text === ',') return [''];
  words.take();
  if (next.kind !== 'word') throw new SelectorError(`found '${next.text}', expected: identifier`);
  return [next.text];
}

/** `(a,b)`; an empty place between commas is the empty value. */
function valueSet(words: Words): string[] {
  const open = words.take();
  if (open.text !== '(' || open.kind !== 'symbol')
    throw new SelectorError(`found '${open.text}' expected: '('`);
  const values: string[] = [];
  for (;;) {
    let word = words.take();
    let value = '';
    if (word.kind === 'word') {
      value = word.text;
      word = words.take();
    } else if (word.text !== ',' && word.text !== ')') {
      throw new SelectorError(`found '${word.text}', expected: ',', ')' or identifier`);
    }
    values.push(value);
    if (word.text === ')' && word.kind === 'symbol') return values;
    if (word.text !== ',' || word.kind !== 'symbol')
      throw new SelectorError(`found '${word.text}', expected: ',' or ')'`);
  }
}
