import { expect, test } from 'vitest';
import type { FieldError } from '#proto/meta/field-error.ts';
import type { ValidationRule } from '#proto/schema/generated/apiextensions-v1.ts';
import { loadCel } from '#server/cel/load.ts';
import { Correlation } from '#server/structural/correlation.plan.ts';
import { compileRules } from '#server/structural/rules.ts';
import type { Structural } from '#server/structural/schema.ts';
import { validateRules } from '#server/structural/validate-rules.ts';

const cel = await loadCel();

interface Ratcheting {
  /** What was there is held against nobody, as on updates of objects. */
  readonly ratchets?: boolean;
  readonly pardoned?: (error: FieldError) => void;
}

function lines(
  schema: Structural,
  value: unknown,
  old?: unknown,
  { ratchets, pardoned }: Ratcheting = {},
): string[] {
  const node = compileRules(cel, schema);
  const before = ratchets ? new Correlation(value, old, schema) : undefined;
  return node
    ? validateRules(cel, node, value, old, { before, pardoned }).map(
        ({ field, message }) => `${field}: ${message}`,
      )
    : [];
}

const ruled = (schema: Structural, ...rules: (string | ValidationRule)[]): Structural => ({
  ...schema,
  'x-kubernetes-validations': rules.map((rule) => (typeof rule === 'string' ? { rule } : rule)),
});
const of = (a: Structural): Structural => ({ type: 'object', properties: { a } });

const INT: Structural = { type: 'integer' };
const PAIR: Structural = { type: 'object', properties: { x: INT, y: INT } };

test.each<[string, Structural, unknown, unknown, string[]]>([
  ['follows its rule', ruled(INT, 'self < 3'), 1, undefined, []],
  ['breaks its rule', ruled(INT, 'self < 3'), 5, undefined, ['a: Invalid value: 5: failed rule: self < 3']],
  [
    'is told the message',
    ruled(INT, { rule: 'self < 3', message: 'too many' }),
    5,
    undefined,
    ['a: Invalid value: 5: too many'],
  ],
  [
    'is told what the message comes to',
    ruled(INT, { rule: 'self < 3', message: 'too many', messageExpression: '"not " + string(self)' }),
    5,
    undefined,
    ['a: Invalid value: 5: not 5'],
  ],
  [
    'is told the message where its expression comes to nothing',
    ruled(INT, { rule: 'self < 3', message: 'too many', messageExpression: '"a\\nb"' }),
    5,
    undefined,
    ['a: Invalid value: 5: too many'],
  ],
  [
    'is refused for a reason',
    ruled(INT, { rule: 'self < 3', message: 'no', reason: 'FieldValueForbidden' }),
    5,
    undefined,
    ['a: Forbidden: no'],
  ],
  [
    'is refused for one of its fields, and is not shown',
    ruled(PAIR, { rule: 'self.x <= self.y', fieldPath: '.x', message: 'x > y' }),
    { x: 2, y: 1 },
    undefined,
    ['a.x: Invalid value: x > y'],
  ],
  [
    'lacks what its rule asks for',
    ruled(PAIR, 'self.x <= self.y'),
    { y: 1 },
    undefined,
    ['a: Invalid value: "object": no such key: x evaluating rule: self.x <= self.y'],
  ],
  [
    'has items with rules',
    { type: 'array', items: ruled(INT, 'self % 2 == 0') },
    [2, 3],
    undefined,
    ['a[1]: Invalid value: 3: failed rule: self % 2 == 0'],
  ],
  [
    'has entries with rules',
    { type: 'object', additionalProperties: ruled(INT, 'self < 3') },
    { k: 5 },
    undefined,
    ['a[k]: Invalid value: 5: failed rule: self < 3'],
  ],
  ['is null', ruled({ ...INT, nullable: true }, 'self < 3'), null, undefined, []],
  ['was nothing to compare with', ruled(INT, 'self == oldSelf'), 5, undefined, []],
  [
    'was something else',
    ruled(INT, { rule: 'self == oldSelf', message: 'it stays' }),
    5,
    4,
    ['a: Invalid value: 5: it stays'],
  ],
  [
    'is asked even where there was nothing',
    ruled(INT, { rule: 'oldSelf.hasValue() || self == 1', optionalOldSelf: true }),
    5,
    undefined,
    ['a: Invalid value: 5: failed rule: oldSelf.hasValue() || self == 1'],
  ],
  [
    'is compared by the keys of its items',
    {
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['x'],
      items: { ...PAIR, properties: { x: INT, y: ruled(INT, 'self >= oldSelf') } },
    },
    [
      { x: 2, y: 1 },
      { x: 1, y: 1 },
    ],
    [{ x: 1, y: 9 }],
    ['a[1].y: Invalid value: 1: failed rule: self >= oldSelf'],
  ],
  [
    'is either of two',
    ruled({ 'x-kubernetes-int-or-string': true }, 'self == 5 || self == "5"'),
    '5',
    undefined,
    [],
  ],
])('a value that %s', (_, schema, value, old, said) => {
  expect(lines(of(schema), { a: value }, old === undefined ? undefined : { a: old })).toEqual(said);
});

test('what was wrong before is pardoned until it changes, but not what compares', () => {
  const schema: Structural = {
    type: 'object',
    properties: { a: ruled(INT, 'self < 3'), b: ruled(INT, 'self != oldSelf') },
  };
  const said = ['b: Invalid value: 1: failed rule: self != oldSelf'];
  const told: string[] = [];
  const pardoned = ({ field, message }: FieldError): void => void told.push(`${field}: ${message}`);
  expect(lines(schema, { a: 5, b: 1 }, { a: 5, b: 1 }, { ratchets: true, pardoned })).toEqual(said);
  expect(told).toEqual(['a: Invalid value: 5: failed rule: self < 3']);
  expect(lines(schema, { a: 6 }, { a: 5 }, { ratchets: true })).toEqual([
    'a: Invalid value: 6: failed rule: self < 3',
  ]);
});

test('all rules together have one budget', () => {
  const long = Array.from({ length: 2000 }, (_, i) => i);
  const schema = of({
    type: 'array',
    items: INT,
    ...ruled({}, 'self.all(x, self.all(y, x != y || x == y))', 'true'),
  });
  expect(lines(schema, { a: long })).toEqual([
    expect.stringContaining(
      'no further validation rules will be run due to call cost exceeds limit for rule',
    ),
  ]);
});
