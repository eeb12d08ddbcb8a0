import { expect, test } from 'vitest';
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionNames,
} from '#proto/schema/generated/apiextensions-v1.ts';
import { acceptNames, approvalVerdict, establish, takenNames, withConditions } from './naming.plan.ts';

const NAMES: CustomResourceDefinitionNames = {
  plural: 'widgets',
  singular: 'widget',
  kind: 'Widget',
  listKind: 'WidgetList',
  shortNames: ['wd'],
};

const definition = (
  names: CustomResourceDefinitionNames = NAMES,
  acceptedNames: CustomResourceDefinitionNames = { plural: '', kind: '' },
): CustomResourceDefinition => ({
  metadata: { name: 'widgets.example.com' },
  spec: { group: 'example.com', scope: 'Namespaced', names, versions: [] },
  status: { acceptedNames, storedVersions: [], conditions: [] },
});

const taken = (names: CustomResourceDefinitionNames) => takenNames([definition(names, names)]);

test.each<[string, Partial<CustomResourceDefinitionNames>, string, string]>([
  ['nothing', {}, 'NoConflicts', 'no conflicts found'],
  ['its plural', { plural: 'widgets' }, 'PluralConflict', '"widgets" is already in use'],
  ['its singular', { shortNames: ['widget'] }, 'SingularConflict', '"widget" is already in use'],
  ['its short name', { singular: 'wd' }, 'ShortNamesConflict', '"wd" is already in use'],
  ['its kind', { listKind: 'Widget' }, 'KindConflict', '"Widget" is already in use'],
  ['the kind of its lists', { kind: 'WidgetList' }, 'ListKindConflict', '"WidgetList" is already in use'],
])('where others have %s', (_, others, reason, message) => {
  const { names, condition } = acceptNames(
    definition(),
    taken({ plural: 'other', kind: 'Other', ...others }),
  );
  expect(condition).toMatchObject({ reason, message, status: reason === 'NoConflicts' ? 'True' : 'False' });
  if (reason === 'NoConflicts') expect(names).toEqual(NAMES);
});

test('keeps what it had, and takes of the new names those that are free', () => {
  const next = definition({ ...NAMES, kind: 'Gadget', singular: 'gadget', shortNames: ['wd', 'gd'] }, NAMES);
  const { names } = acceptNames(next, taken({ plural: 'others', kind: 'Gadget', singular: 'gd' }));
  expect(names).toEqual({ ...NAMES, singular: 'gadget' });
});

test('is served once its names are accepted, and stays so', () => {
  expect(establish(definition(), false, true)).toMatchObject({ status: 'False', reason: 'NotAccepted' });
  expect(establish(definition(), true, false)).toMatchObject({ status: 'False', reason: 'InvalidCABundle' });
  const verdict = establish(definition(), true, true);
  expect(verdict).toMatchObject({ status: 'True', reason: 'InitialNamesAccepted' });
  const served = definition();
  if (served.status) served.status.conditions = withConditions([], verdict ? [verdict] : [], 0);
  expect(establish(served, false, true)).toBeUndefined();
});

test.each([
  ['', 'False', 'MissingAnnotation'],
  ['maybe', 'False', 'InvalidAnnotation'],
  ['unapproved, a try', 'False', 'UnapprovedAnnotation'],
  ['https://example.com/1', 'True', 'ApprovedAnnotation'],
])('says of a group of the community how it was approved: %j', (annotation, status, reason) => {
  const one = definition();
  expect(approvalVerdict(one)).toBeUndefined();
  one.spec.group = 'x.k8s.io';
  one.metadata.annotations = { 'api-approved.kubernetes.io': annotation };
  expect(approvalVerdict(one)).toMatchObject({ status, reason });
});

test('a condition keeps the time of its last change', () => {
  const verdict = { type: 'Established', status: 'True', reason: 'A', message: 'a' };
  const first = withConditions([], [verdict], 0);
  expect(withConditions(first, [{ ...verdict, reason: 'B' }], 60_000)).toEqual([
    { ...verdict, reason: 'B', lastTransitionTime: '1970-01-01T00:00:00Z' },
  ]);
  expect(withConditions(first, [{ ...verdict, status: 'False' }], 60_000)[0]?.lastTransitionTime).toBe(
    '1970-01-01T00:01:00Z',
  );
});
