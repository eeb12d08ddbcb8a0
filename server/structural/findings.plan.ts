import type { FieldError } from '#proto/meta/field-error.ts';
import { invalidValue, required, tooLong, tooMany } from '#proto/meta/field-error.ts';

/** One thing that is wrong with a value, by its path (`spec.list[0].name`, `''` for the root), in upstream's words. */
export interface Finding {
  readonly kind: 'invalid' | 'type' | 'required' | 'enum' | 'tooLong' | 'tooMany' | 'whole';
  readonly path: string;
  /** The whole sentence, by which findings are told apart. */
  readonly message: string;
  readonly value?: unknown;
  /** `tooLong`, `tooMany`: at most so many. `enum`: one of these. */
  readonly allowed?: number | readonly unknown[];
}

/**
 * What a schema found, and how many checks it passed on the way: of several alternatives that all fail, the one that
 * came farthest is told. Rule: kube-openapi `validate.Result`.
 */
export class Findings {
  readonly list: Finding[] = [];
  matches = 0;

  get isEmpty(): boolean {
    return this.list.length === 0;
  }

  add(finding: Finding): void {
    if (!this.list.some(({ message }) => message === finding.message)) this.list.push(finding);
  }

  merge(other: Findings): void {
    for (const finding of other.list) this.add(finding);
    this.matches += other.matches;
  }
}

/** As Go shows that there is none. */
export const NO_PATH = '<nil>';

/** The causes that an answer names. `prefix` is the path of the value that was looked at. */
export function causesOf(findings: Findings, prefix: string): FieldError[] {
  return findings.list.map((finding) => causeOf(finding, prefix));
}

function causeOf({ kind, path, message, value, allowed }: Finding, prefix: string): FieldError {
  const own = path.replace(/^\./, '');
  const field = kind === 'whole' || own === '' ? prefix || NO_PATH : prefix === '' ? own : `${prefix}.${own}`;
  switch (kind) {
    case 'required':
      return required(field);
    case 'enum':
      return unsupported(field, value, allowed as readonly unknown[]);
    case 'tooLong':
      return tooLong(field, allowed as number);
    case 'tooMany':
      return tooMany(field, value as number, allowed as number);
    case 'type':
      return { ...invalidValue(field, value ?? '', message), reason: 'FieldValueTypeInvalid' };
    case 'whole':
      return invalidValue(field, '', message);
    case 'invalid':
      return invalidValue(field, value ?? '', message);
  }
}

/** In the order in which the schema has them. */
function unsupported(field: string, value: unknown, allowed: readonly unknown[]): FieldError {
  const values = allowed.map((one) => JSON.stringify(typeof one === 'string' ? one : JSON.stringify(one)));
  return {
    reason: 'FieldValueNotSupported',
    message: `Unsupported value: ${JSON.stringify(value ?? null)}: supported values: ${values.join(', ')}`,
    field,
  };
}
