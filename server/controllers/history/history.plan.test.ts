import { describe, expect, it } from 'vitest';
import type { ControllerRevision } from '#proto/schema/generated/apps-v1.ts';
import {
  planHistory,
  planTruncation,
  revisionData,
  templateOf,
} from '#server/controllers/history/history.plan.ts';

const template = (image: string) => ({
  metadata: { labels: { app: 'web' } },
  spec: { containers: [{ name: 'web', image }] },
});

const aRevision = (revision: number, image: string): ControllerRevision => ({
  metadata: { name: `web-${revision}` },
  revision,
  data: revisionData(template(image)),
});

const past = [aRevision(3, 'c'), aRevision(1, 'a'), aRevision(2, 'b')];

describe('planHistory', () => {
  it.each([
    ['begins at one', [], 'a', { type: 'create', number: 1 }],
    ['records a new template', past, 'd', { type: 'create', number: 4 }],
    ['keeps the newest', past, 'c', { type: 'keep', revision: past[0] }],
    ['renumbers one of the past', past, 'a', { type: 'renumber', revision: past[1], number: 4 }],
    [
      'takes the newer of two equal ones',
      [aRevision(1, 'a'), aRevision(2, 'a')],
      'a',
      { type: 'keep', revision: aRevision(2, 'a') },
    ],
  ])('%s', (_what, revisions, image, plan) => {
    expect(planHistory(revisions, template(image))).toEqual(plan);
  });

  it('sees no difference in absent members and their order', () => {
    const { spec, metadata } = template('c');
    const same = { spec: { hostname: undefined, ...spec }, metadata };
    expect(planHistory(past, same).type).toBe('keep');
  });
});

it('writes a patch that replaces the template, and reads it back', () => {
  expect(JSON.stringify(revisionData(template('a')))).toBe(
    '{"spec":{"template":{"$patch":"replace","metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"image":"a","name":"web"}]}}}}',
  );
  expect(templateOf(aRevision(1, 'a'))).toEqual(template('a'));
});

it.each([
  { limit: 0, gone: [1, 3] },
  { limit: 1, gone: [1] },
  { limit: 2, gone: [] },
])('forgets the oldest that nobody uses, beyond $limit', ({ limit, gone }) => {
  const live = ({ revision }: ControllerRevision) => revision === 2;
  expect(planTruncation(past, live, limit).map(({ revision }) => revision)).toEqual(gone);
});
