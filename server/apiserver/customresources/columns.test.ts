import { expect, test } from 'vitest';
import type { KubeObject } from '#proto/meta/object.ts';
import type { CustomResourceColumnDefinition } from '#proto/schema/generated/apiextensions-v1.ts';
import { customColumns } from './columns.ts';

const object = {
  metadata: { name: 'w', creationTimestamp: '1970-01-01T00:00:00Z' },
  spec: {
    size: 3,
    part: 2.5,
    on: true,
    room: 'hall',
    tags: ['a', 'b'],
    none: null,
    since: '1970-01-01T00:01:00Z',
  },
  status: { conditions: [{ type: 'Ready', status: 'True' }] },
} as KubeObject;

const cell = (type: string, jsonPath: string): unknown =>
  customColumns([{ name: 'x', type, jsonPath }])[1]?.value(object, 120_000);

test.each([
  ['string', '.spec.room', 'hall'],
  ['string', '.spec.size', '3'],
  ['string', '.spec.tags', '["a","b"]'],
  ['string', '.spec.none', '<nil>'],
  ['string', '.spec.absent', null],
  ['string', '.status.conditions[?(@.type=="Ready")].status', 'True'],
  ['integer', '.spec.size', 3],
  ['integer', '.spec.part', 2],
  ['integer', '.spec.room', null],
  ['number', '.spec.part', 2.5],
  ['boolean', '.spec.on', true],
  ['boolean', '.spec.size', null],
  ['date', '.metadata.creationTimestamp', '2m'],
  ['date', '.spec.since', '60s'],
  ['date', '.spec.room', '<invalid>'],
])('a %s at %s', (type, path, shown) => {
  expect(cell(type, path)).toBe(shown);
});

test('says how old objects are where its definition says nothing', () => {
  const names = (definitions?: CustomResourceColumnDefinition[]) =>
    customColumns(definitions).map(({ name, priority }) => `${name}${priority ?? ''}`);
  expect(names()).toEqual(['Name', 'Age']);
  expect(names([{ name: 'Size', type: 'integer', jsonPath: '.spec.size', priority: 1 }])).toEqual([
    'Name',
    'Size1',
  ]);
});
