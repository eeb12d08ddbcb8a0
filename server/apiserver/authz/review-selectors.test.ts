import { expect, it } from 'vitest';
import { readFieldSelector, readLabelSelector, selectorProblems } from './review-selectors.ts';

it.each<[object, string | undefined, string | undefined]>([
  [{ rawSelector: 'spec.nodeName==pi' }, 'spec.nodeName=pi', undefined],
  [{ rawSelector: 'a=b,c' }, undefined, 'spec.resourceAttributes.fieldSelector ignored due to parse error'],
  [{ requirements: [{ key: 'a', operator: 'In', values: ['b,c'] }] }, 'a=b\\,c', undefined],
  [{ requirements: [{ key: 'a', operator: 'NotIn', values: ['b'] }] }, 'a!=b', undefined],
  [
    {
      requirements: [
        { key: 'a', operator: 'In', values: ['b'] },
        { key: 'c', operator: 'Exists' },
      ],
    },
    'a=b',
    'spec.resourceAttributes.fieldSelector partially ignored due to parse error',
  ],
])('reads the field selector %j', (selector, text, error) =>
  expect(readFieldSelector(selector)).toEqual({ selector: text, error }),
);

it.each<[object, string | undefined, boolean]>([
  [{ rawSelector: 'app in (a,b),!old' }, 'app in (a,b),!old', true],
  [{ requirements: [{ key: 'app', operator: 'NotIn', values: ['a', 'b'] }] }, 'app notin (a,b)', true],
  [{ requirements: [{ key: 'old', operator: 'DoesNotExist' }] }, '!old', true],
  [{ requirements: [{ key: 'old', operator: 'Near' }] }, undefined, false],
])('reads the label selector %j', (selector, text, good) => {
  const read = readLabelSelector(selector);
  expect([read.selector, read.error === undefined]).toEqual([text, good]);
});

it.each<[object, string[]]>([
  [{ fieldSelector: {} }, ['spec.resourceAttributes.fieldSelector.requirements']],
  [
    { labelSelector: { rawSelector: 'a', requirements: [{ key: 'a', operator: 'Exists' }] } },
    ['spec.resourceAttributes.labelSelector.rawSelector'],
  ],
  [
    { labelSelector: { requirements: [{ key: 'a', operator: 'In' }] } },
    ['spec.resourceAttributes.labelSelector.requirements[0].values'],
  ],
  [
    { fieldSelector: { requirements: [{ key: '', operator: 'Exists', values: ['x'] }] } },
    [
      'spec.resourceAttributes.fieldSelector.requirements[0].values',
      'spec.resourceAttributes.fieldSelector.requirements[0].key',
    ],
  ],
  [{ fieldSelector: { requirements: [{ key: 'a', operator: 'Near' }] } }, []],
])('checks %j', (attributes, fields) =>
  expect(selectorProblems(attributes).map(({ field }) => field)).toEqual(fields),
);
