import { describe, expect, test } from 'vitest';
import type { JSONSchemaProps } from '#proto/schema/generated/apiextensions-v1.ts';
import { loadCel } from '#server/cel/load.ts';
import { validateExpressions } from './expression-rules.ts';

const cel = await loadCel();
const TEXT: JSONSchemaProps = { type: 'string' };

const listOf = (items: JSONSchemaProps, maxItems?: number): JSONSchemaProps => ({
  type: 'array',
  items,
  ...(maxItems === undefined ? {} : { maxItems }),
});
const ruled = (schema: JSONSchemaProps, rule: string, messageExpression?: string): JSONSchemaProps => ({
  ...schema,
  'x-kubernetes-validations': [{ rule, ...(messageExpression ? { messageExpression } : {}) }],
});

/** What is said of `a`, with the factor alone of what costs too much. */
const said = (a: JSONSchemaProps, isUnchanged = false): string[] =>
  validateExpressions(cel, { type: 'object', properties: { a } }, 'root', isUnchanged).map(
    ({ field, message = '' }) =>
      `${field.replace('x-kubernetes-validations', 'rules')}: ${/factor of [^ ]*(?: than \S+)?/.exec(message)?.[0] ?? message}`,
  );

const RULE = 'root.properties[a].rules[0].rule';
const CONTRIBUTED =
  'Forbidden: contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema';
const inAll = (one: string, all: string): string[] => [
  `${RULE}: factor of ${one}`,
  `${RULE}: ${CONTRIBUTED}`,
  `root: factor of ${all}`,
];

describe('what a rule costs at most, as upstream reckons it', () => {
  test.each<[string, JSONSchemaProps, string[]]>([
    ['little', ruled(listOf(TEXT, 90), 'self.sort() == self.distinct()'), []],
    [
      'a pattern for each item',
      ruled(listOf(TEXT, 100), 'self.all(x, x.matches("^[a-z]+$"))'),
      [`${RULE}: factor of 6.3x`],
    ],
    [
      'a text of all items',
      ruled(listOf(TEXT, 100), 'self.join(",").size() < 5'),
      [`${RULE}: factor of 3.1x`],
    ],
    [
      'a text that grows',
      ruled(listOf(TEXT, 100), 'self.all(x, x.replace("a", "bcd").contains("b"))'),
      inAll('15.7x', '1.6x'),
    ],
    [
      'lists in a list',
      ruled(listOf(TEXT, 3000), 'self.map(x, [x, x]).all(y, y[0] == y[1])'),
      inAll('94.4x', '9.4x'),
    ],
    [
      'items with items that nothing bounds',
      ruled(listOf(TEXT), 'self.all(x, self.exists(y, x == y))'),
      inAll('more than 100x', 'more than 100x'),
    ],
    [
      'values that are known',
      ruled(listOf({ ...TEXT, enum: ['a', 'b'] }, 50), 'self.all(x, x.matches("a"))'),
      [],
    ],
  ])('%s', (_, schema, expected) => {
    expect(said(schema)).toEqual(expected);
  });

  test('once for each value that an object can hold', () => {
    const item = ruled({ ...TEXT, maxLength: 90 }, 'self.startsWith("a") && self.trim() + "a" != ""');
    const found = said(listOf(listOf(item, 1000), 1000));
    expect(found[0]).toMatch(/^root\.properties\[a\]\.items\.items\.rules\[0\]\.rule: factor of \d/);
    expect(said(listOf(listOf(item, 10), 10))).toEqual([]);
  });

  test('its message costs, too', () => {
    expect(said(ruled({ type: 'integer' }, 'self > 1', '"not " + string(self)'))[0]).toBe(
      'root.properties[a].rules[0].messageExpression: factor of more than 100x',
    );
  });

  test('what was as dear before is pardoned, but not what all rules cost together', () => {
    const dear = ruled(listOf(TEXT, 100), 'self.all(x, x.matches("^[a-z]+$"))');
    expect(said(dear, true)).toEqual([]);
    expect(said(ruled(listOf(TEXT), 'self.all(x, self.exists(y, x == y))'), true)).toHaveLength(2);
  });
});
