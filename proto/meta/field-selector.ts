import { SelectorError } from '#proto/meta/selector.ts';

/** One comparison of `?fieldSelector=`; all of them must hold. */
export interface FieldTerm {
  readonly field: string;
  readonly operator: '=' | '!=';
  readonly value: string;
}

/** `spec.nodeName=a,status.phase!=Failed`; `\` escapes `,`, `=` and itself. Throws {@link SelectorError}. */
export function parseFieldSelector(text: string): FieldTerm[] {
  return splitTerms(text)
    .filter((term) => term !== '')
    .sort()
    .map((term) => {
      const at = /!=|==|=/.exec(term);
      if (!at) throw new SelectorError(`invalid selector: '${text}'; can't understand '${term}'`);
      return {
        field: term.slice(0, at.index),
        operator: at[0] === '!=' ? '!=' : '=',
        value: unescapeValue(term.slice(at.index + at[0].length)),
      };
    });
}

/** Whether the object whose fields `get` reads is selected. */
export const matchesFields = (terms: readonly FieldTerm[], get: (field: string) => string): boolean =>
  terms.every(({ field, operator, value }) => (get(field) === value) === (operator === '='));

/** The value that the selector demands of one field, when it demands exactly one. */
export const requiredField = (terms: readonly FieldTerm[], field: string): string | undefined =>
  terms.find((term) => term.field === field && term.operator === '=')?.value;

/** Back to text. */
export const formatFieldSelector = (terms: readonly FieldTerm[]): string =>
  terms.map((t) => `${t.field}${t.operator}${t.value.replace(/[\\,=]/g, '\\$&')}`).join(',');

const splitTerms = (text: string): string[] => {
  const terms: string[] = [];
  let from = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === ',') {
      terms.push(text.slice(from, i));
      from = i + 1;
    }
  }
  terms.push(text.slice(from));
  return terms;
};

function unescapeValue(value: string): string {
  let out = '';
  for (let i = 0; i < value.length; i++) {
    const char = value[i] ?? '';
    if (char === ',' || char === '=')
      throw new SelectorError(`invalid field selector: unescaped character in value: ${char.codePointAt(0)}`);
    if (char !== '\\') {
      out += char;
      continue;
    }
    const next = value[++i] ?? '';
    if (next === '' || !'\\,='.includes(next))
      throw new SelectorError(`invalid field selector: invalid escape sequence: \\${next}`);
    out += next;
  }
  return out;
}
