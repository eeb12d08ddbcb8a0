import { describe, expect, test } from 'vitest';
import { applyDefaults } from '#server/structural/default.plan.ts';
import { prune, pruneNulls } from '#server/structural/prune.plan.ts';
import type { Structural } from '#server/structural/schema.ts';

const KEEP = { 'x-kubernetes-preserve-unknown-fields': true };

describe('pruning', () => {
  test.each<[string, Structural | undefined, object, object, string[]]>([
    ['without a schema, all but type and metadata', undefined, { kind: 'A', a: 1 }, { kind: 'A' }, ['a']],
    [
      'what is not specified',
      { properties: { spec: { properties: { a: {} } } } },
      { metadata: { x: 1 }, spec: { a: 1, b: 2 } },
      { metadata: { x: 1 }, spec: { a: 1 } },
      ['spec.b'],
    ],
    [
      'in lists, by their items',
      { properties: { l: { items: { properties: { a: {} } } } } },
      { l: [{ a: 1 }, { b: 2 }] },
      { l: [{ a: 1 }, {}] },
      ['l[1].b'],
    ],
    [
      'in maps, by their entries',
      { properties: { m: { additionalProperties: { properties: { a: {} } } } } },
      { m: { x: { a: 1, b: 2 } } },
      { m: { x: { a: 1 } } },
      ['m.x.b'],
    ],
    ['nothing where unknown fields stay', KEEP, { a: { b: 1 } }, { a: { b: 1 } }, []],
    [
      'again below what is specified',
      { ...KEEP, properties: { a: { properties: { x: {} } } } },
      { a: { x: 1, y: 2 }, b: { y: 2 } },
      { a: { x: 1 }, b: { y: 2 } },
      ['a.y'],
    ],
    [
      'not the metadata of embedded objects',
      { properties: { t: { 'x-kubernetes-embedded-resource': true } } },
      { t: { kind: 'Pod', metadata: { a: 1 }, spec: {} } },
      { t: { kind: 'Pod', metadata: { a: 1 } } },
      ['t.spec'],
    ],
    ['names of prototypes', { properties: {} }, { constructor: 1 }, {}, ['constructor']],
  ])('%s', (_, schema, object, expected, paths) => {
    const unknown: string[] = [];
    prune(object, schema, { unknown });
    expect(object).toEqual(expected);
    expect(unknown).toEqual(paths);
  });

  test('nulls go where null is no value and there is no default', () => {
    const object = { a: null, b: null, c: null, d: null };
    pruneNulls(object, { properties: { a: {}, b: { nullable: true }, c: { default: 1 } } });
    expect(object).toEqual({ b: null, c: null, d: null });
  });
});

describe('defaults', () => {
  test.each<[string, Structural, object, object]>([
    ['of absent fields', { properties: { a: { default: 1 } } }, {}, { a: 1 }],
    ['of null where that is no value', { properties: { a: { default: 1 } } }, { a: null }, { a: 1 }],
    [
      'not of null where that is one',
      { properties: { a: { default: 1, nullable: true } } },
      { a: null },
      { a: null },
    ],
    [
      'of a default',
      { properties: { a: { default: {}, properties: { b: { default: 2 } } } } },
      {},
      { a: { b: 2 } },
    ],
    [
      'of items',
      { properties: { l: { items: { properties: { b: { default: 2 } } } } } },
      { l: [{}] },
      { l: [{ b: 2 }] },
    ],
    [
      'of the entries of a map',
      { additionalProperties: { properties: { b: { default: 2 } } } },
      { x: {}, y: { b: 3 } },
      { x: { b: 2 }, y: { b: 3 } },
    ],
  ])('%s', (_, schema, object, expected) => {
    applyDefaults(object, schema);
    expect(object).toEqual(expected);
  });

  test('are not shared between objects', () => {
    const schema = { properties: { a: { default: { b: [] as number[] } } } };
    const one: { a?: { b: number[] } } = {};
    applyDefaults(one, schema);
    one.a?.b.push(1);
    const two = {};
    applyDefaults(two, schema);
    expect(two).toEqual({ a: { b: [] } });
  });
});
