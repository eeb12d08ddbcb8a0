import { describe, expect, test } from 'vitest';
import { Correlation } from '#server/structural/correlation.plan.ts';
import { causesOf } from '#server/structural/findings.plan.ts';
import { validateListTypes } from '#server/structural/list-types.plan.ts';
import { Patterns } from '#server/structural/patterns.ts';
import type { Structural } from '#server/structural/schema.ts';
import { validateValue } from '#server/structural/validate-value.ts';

const lines = (value: unknown, schema: Structural, old?: unknown): string[] => {
  const before = old === undefined ? undefined : new Correlation(value, old, schema);
  return causesOf(validateValue(value, schema, new Patterns(), before), '').map(
    ({ field, message }) => `${field}: ${message}`,
  );
};

const spec = (schema: Structural): Structural => ({ type: 'object', properties: { a: schema } });

describe('a value', () => {
  test.each<[string, Structural, unknown, string[]]>([
    ['of its type', { type: 'integer' }, 1, []],
    [
      'of another type',
      { type: 'integer' },
      'x',
      ['a: Invalid value: "string": a in body must be of type integer: "string"'],
    ],
    ['without a fraction is a number, too', { type: 'number' }, 1, []],
    [
      'with a fraction is no integer',
      { type: 'integer' },
      1.5,
      [
        'a: Invalid value: "number": a in body must be of type integer: "number"',
        '<nil>: Invalid value: "": Checked value must be of type integer (default format) in a',
      ],
    ],
    ['that may be null', { type: 'string', nullable: true }, null, []],
    [
      'that may not be null',
      { type: 'string' },
      null,
      ['a: Invalid value: "null": a in body must be of type string: "null"'],
    ],
    ['either of two', { 'x-kubernetes-int-or-string': true }, '5%', []],
    [
      'neither of two',
      { 'x-kubernetes-int-or-string': true },
      true,
      ['a: Invalid value: "boolean": a in body must be of type integer,string: "boolean"'],
    ],
    [
      'too small',
      { type: 'integer', minimum: 1 },
      0,
      ['a: Invalid value: 0: a in body should be greater than or equal to 1'],
    ],
    [
      'on an open bound',
      { type: 'integer', maximum: 1, exclusiveMaximum: true },
      1,
      ['a: Invalid value: 1: a in body should be less than 1'],
    ],
    [
      'no multiple',
      { type: 'number', multipleOf: 0.1 },
      0.35,
      ['a: Invalid value: 0.35: a in body should be a multiple of 0.1'],
    ],
    ['a multiple', { type: 'number', multipleOf: 0.1 }, 0.3, []],
    [
      'beyond 32 bits',
      { type: 'integer', format: 'int32' },
      2147483648,
      ['<nil>: Invalid value: "": Checked value must be of type integer with format int32 in a'],
    ],
    ['too long', { type: 'string', maxLength: 2 }, 'äöü', ['a: Too long: may not be more than 2 bytes']],
    [
      'too short',
      { type: 'string', minLength: 2 },
      'ä',
      ['a: Invalid value: "ä": a in body should be at least 2 chars long'],
    ],
    [
      'not by its pattern',
      { type: 'string', pattern: '^a+$' },
      'b',
      ['a: Invalid value: "b": a in body should match \'^a+$\''],
    ],
    [
      'not by its format',
      { type: 'string', format: 'ipv4' },
      '1.2.3',
      ['a: Invalid value: "1.2.3": a in body must be of type ipv4: "1.2.3"'],
    ],
    ['by a format that nobody knows', { type: 'string', format: 'nonsense' }, 'x', []],
    [
      'none of those',
      { type: 'string', enum: ['b', 'a'] },
      'c',
      ['a: Unsupported value: "c": supported values: "b", "a"'],
    ],
    [
      'a list with too many',
      { type: 'array', maxItems: 1, items: { type: 'string' } },
      ['x', 'y'],
      ['a: Too many: 2: must have at most 1 item'],
    ],
    [
      'an item of another type',
      { type: 'array', items: { type: 'string' } },
      ['x', 1],
      ['a[1]: Invalid value: "integer": a[1] in body must be of type string: "integer"'],
    ],
    [
      'doubled',
      { type: 'array', uniqueItems: true, items: {} },
      [{ x: 1 }, { x: 1 }],
      ['a: Invalid value: "": a in body shouldn\'t contain duplicates'],
    ],
    ['without what is required', { type: 'object', required: ['b'] }, {}, ['a.b: Required value']],
    [
      'an entry of a map',
      { type: 'object', additionalProperties: { type: 'string' } },
      { k: 1 },
      ['a.k: Invalid value: "integer": a.k in body must be of type string: "integer"'],
    ],
    [
      'with too few properties',
      { type: 'object', minProperties: 1 },
      {},
      ['a: Invalid value: 0: a in body should have at least 1 properties'],
    ],
    [
      'valid by none of several',
      { anyOf: [{ type: 'string' }, { minimum: 5 }] },
      1,
      [
        '<nil>: Invalid value: "": "a" must validate at least one schema (anyOf)',
        'a: Invalid value: 1: a in body should be greater than or equal to 5',
      ],
    ],
    [
      'valid by two of one',
      { oneOf: [{ minimum: 0 }, { minimum: 1 }] },
      1,
      [
        '<nil>: Invalid value: "": "a" must validate one and only one schema (oneOf). Found 2 valid alternatives',
      ],
    ],
    [
      'valid by one of all',
      { allOf: [{ minimum: 0 }, { minimum: 5 }] },
      1,
      [
        'a: Invalid value: 1: a in body should be greater than or equal to 5',
        '<nil>: Invalid value: "": "a" must validate all the schemas (allOf)',
      ],
    ],
    [
      'valid where it must not be',
      { not: { minimum: 0 } },
      1,
      ['<nil>: Invalid value: "": "a" must not validate the schema (not)'],
    ],
  ])('%s', (_, schema, value, expected) => {
    const shown = lines({ a: value }, spec(schema));
    expect(shown).toEqual(expected);
  });
});

describe('an update', () => {
  const schema = spec({
    type: 'object',
    properties: { b: { type: 'integer', minimum: 5 }, c: { type: 'integer' } },
  });

  test('pardons what was wrong before', () => {
    expect(lines({ a: { b: 1, c: 2 } }, schema, { a: { b: 1, c: 1 } })).toEqual([]);
    expect(lines({ a: { b: 2 } }, schema, { a: { b: 1 } })).toHaveLength(1);
  });

  test('finds items of a list again by their keys', () => {
    const list = spec({
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['k'],
      items: { type: 'object', properties: { k: { type: 'string' }, v: { type: 'integer', minimum: 5 } } },
    });
    const old = {
      a: [
        { k: 'x', v: 1 },
        { k: 'y', v: 6 },
      ],
    };
    expect(
      lines(
        {
          a: [
            { k: 'y', v: 7 },
            { k: 'x', v: 1 },
          ],
        },
        list,
        old,
      ),
    ).toEqual([]);
    expect(lines({ a: [{ k: 'z', v: 1 }] }, list, old)).toHaveLength(1);
  });
});

describe('a list', () => {
  const set = { 'x-kubernetes-list-type': 'set', items: {} };
  const map = { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['k'], items: {} };

  test.each<[Structural, unknown[], string[]]>([
    [set, [1, 2], []],
    [set, [1, 2, 1, 1], ['a[2]: Duplicate value: 1']],
    [map, [{ k: 1 }, { k: 2 }], []],
    [
      map,
      [
        { k: 1, v: 1 },
        { k: 1, v: 2 },
      ],
      ['a[1]: Duplicate value: {"k":1}'],
    ],
    [map, [{}, {}], ['a[1]: Duplicate value: {}']],
    [map, ['x'], ['a[0]: Invalid value: "x": must be an object for an array of list-type map']],
  ])('%j of %j', (schema, list, expected) => {
    const found = validateListTypes({ a: list }, { properties: { a: schema } });
    expect(found.map(({ field, message }) => `${field}: ${message}`)).toEqual(expected);
  });
});
