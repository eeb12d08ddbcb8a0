import { describe, expect, it } from 'vitest';
import type { Deployment, ReplicaSet } from '#proto/schema/generated/apps-v1.ts';
import {
  DESIRED_REPLICAS,
  MAX_REPLICAS,
  nextRevision,
  REVISION,
  templateHash,
} from '#server/controllers/deployment/revision.plan.ts';
import {
  newReplicaSetSize,
  planRollingStep,
  planScaling,
  resolveFenceposts,
} from '#server/controllers/deployment/rolling.plan.ts';

type Bound = number | string;

const aDeployment = (replicas: number, maxSurge: Bound, maxUnavailable: Bound): Deployment => ({
  metadata: { name: 'web' },
  spec: {
    replicas,
    template: {},
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable } },
  },
});

/** `madeFor`: the number of replicas and the most pods that the Deployment had when the set was sized. */
const aSet = (
  name: string,
  replicas: number,
  available = replicas,
  madeFor?: readonly [number, number],
): ReplicaSet => ({
  metadata: {
    name,
    creationTimestamp: `2026-01-01T00:00:0${name.charCodeAt(0) - 97}Z`,
    ...(madeFor
      ? { annotations: { [DESIRED_REPLICAS]: String(madeFor[0]), [MAX_REPLICAS]: String(madeFor[1]) } }
      : {}),
  },
  spec: { replicas },
  status: { replicas, availableReplicas: available },
});

const sizes = (map: ReadonlyMap<string, number>): Record<string, number> => Object.fromEntries(map);

describe('resolveFenceposts', () => {
  it.each([
    [10, '25%', '25%', 3, 2],
    [1, '25%', '25%', 1, 0],
    [4, 0, 0, 0, 1],
    [3, 0, '10%', 0, 1],
    [2, 1, 5, 1, 2],
  ])('%i replicas, surge %s, unavailable %s', (replicas, surge, unavailable, maxSurge, maxUnavailable) => {
    expect(resolveFenceposts(aDeployment(replicas, surge, unavailable))).toEqual({
      maxSurge,
      maxUnavailable,
    });
  });
});

describe('planRollingStep', () => {
  it.each([
    ['grows to the surge first', aDeployment(10, 2, 2), aSet('b', 0), [aSet('a', 10)], { b: 2 }],
    ['then shrinks the old', aDeployment(10, 2, 2), aSet('b', 2, 0), [aSet('a', 10)], { a: 8 }],
    ['waits while the new are not available', aDeployment(10, 2, 2), aSet('b', 4, 0), [aSet('a', 8)], {}],
    ['goes on as they come', aDeployment(10, 2, 2), aSet('b', 4, 3), [aSet('a', 8)], { a: 5 }],
    ['removes unhealthy old pods first', aDeployment(4, 0, 1), aSet('b', 0, 0), [aSet('a', 4, 2)], { a: 3 }],
    ['ends', aDeployment(3, 1, 0), aSet('b', 3), [aSet('a', 0)], {}],
    ['shrinks a new set that is too large', aDeployment(3, 1, 0), aSet('b', 5), [], { b: 3 }],
    [
      'does not believe a status that lags behind a smaller spec',
      aDeployment(10, 0, 2),
      aSet('b', 2, 1),
      [aSet('a', 8, 10)],
      { a: 7 },
    ],
  ])('%s', (_what, deployment, newSet, old, expected) => {
    expect(sizes(planRollingStep(deployment, newSet, old))).toEqual(expected);
  });
});

describe('planScaling', () => {
  it.each([
    ['gives the only set everything', aDeployment(10, 0, 1), aSet('b', 5, 5, [5, 5]), [], { b: 10 }],
    ['to zero', aDeployment(0, 0, 1), aSet('b', 5, 5, [5, 5]), [], { b: 0 }],
    [
      'keeps the mixture of a running rollout',
      aDeployment(20, 0, 1),
      aSet('b', 5, 5, [10, 10]),
      [aSet('a', 5, 5, [10, 10])],
      { a: 10, b: 10 },
    ],
    [
      'takes from the old when it shrinks',
      aDeployment(5, 0, 1),
      aSet('b', 5, 5, [10, 10]),
      [aSet('a', 5, 5, [10, 10])],
      { a: 2, b: 3 },
    ],
    [
      'empties the old when the new are enough',
      aDeployment(4, 1, 0),
      aSet('b', 4, 4, [4, 5]),
      [aSet('a', 1, 1, [4, 5])],
      { a: 0 },
    ],
    [
      'counts the surge in',
      aDeployment(15, 3, 2),
      aSet('b', 5, 5, [10, 13]),
      [aSet('a', 8, 8, [10, 13])],
      { a: 11, b: 7 },
    ],
  ])('%s', (_what, deployment, newSet, old, expected) => {
    expect(sizes(planScaling(deployment, newSet, old))).toEqual(expected);
  });
});

describe('newReplicaSetSize', () => {
  it.each([
    [aDeployment(3, 1, 0), [aSet('a', 3)], 1],
    [aDeployment(3, 0, 1), [aSet('a', 3)], 0],
    [aDeployment(3, 1, 0), [], 3],
  ])('%#', (deployment, old, size) => {
    expect(newReplicaSetSize(deployment, old, 0)).toBe(size);
  });
});

describe('templateHash', () => {
  const spec = { containers: [{ name: 'a', image: 'b' }] };
  it('is the same for equal templates in any order, another one after a collision', () => {
    const hash = templateHash({ metadata: { labels: { a: '1', b: '2' } }, spec }, undefined);
    expect(templateHash({ spec, metadata: { labels: { b: '2', a: '1' } } }, undefined)).toBe(hash);
    expect(templateHash({ metadata: { labels: { a: '1', b: '2' } }, spec }, 1)).not.toBe(hash);
    expect(hash).toMatch(/^[bcdfghjklmnpqrstvwxz2456789]{5,10}$/);
  });
});

describe('revisions', () => {
  const revised = (...revisions: string[]): ReplicaSet[] =>
    revisions.map((revision) => ({
      metadata: { annotations: { [REVISION]: revision } },
      spec: { selector: {} },
    }));

  it.each([
    [[], 1n],
    [['2', '10', '9'], 11n],
    // An adopted ReplicaSet may bring one along that no JavaScript number holds.
    [['3546343826724305832'], 3_546_343_826_724_305_833n],
    [['not a number'], 1n],
  ])('after %j comes %s', (before, next) => {
    expect(nextRevision(revised(...before))).toBe(next);
  });
});
