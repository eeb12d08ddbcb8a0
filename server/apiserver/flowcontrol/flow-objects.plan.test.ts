import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { PriorityLevelConfiguration } from '#proto/schema/generated/flowcontrol-v1.ts';
import { defaultFlowSchemas, defaultPriorityLevels } from '#server/registry/flowcontrol/default-objects.ts';
import { planDangling, planDefault } from './flow-objects.plan.ts';

const KEY = 'apf.kubernetes.io/autoupdate-spec';
const level = (name: string) =>
  defaultPriorityLevels().find(({ metadata }) => metadata.name === name) as PriorityLevelConfiguration;
const stored = (name: string, annotation: string | undefined, generation: number, shares = 7) => ({
  ...level(name),
  metadata: { name, generation, ...(annotation === undefined ? {} : { annotations: { [KEY]: annotation } }) },
  spec: { type: 'Limited', limited: { nominalConcurrencyShares: shares } },
});
const plan = (old: PriorityLevelConfiguration | undefined, name: string) =>
  planDefault(old, level(name), isDeepStrictEqual);

describe('default objects', () => {
  it.each<[string, string, string | undefined, number, string]>([
    ['a mandatory one is put right', 'catch-all', 'false', 3, 'true 5'],
    ['a suggested one is its owner’s where it says so', 'system', 'false', 1, 'kept'],
    ['a suggested one is updated where it says so', 'system', 'true', 3, 'true 30'],
    ['a suggested one that nobody changed is updated', 'system', undefined, 1, 'true 30'],
    ['a suggested one that somebody changed is marked as theirs', 'system', undefined, 2, 'false 7'],
  ])('%s', (_, name, annotation, generation, outcome) => {
    const next = plan(stored(name, annotation, generation), name);
    const shown = next
      ? `${next.metadata.annotations?.[KEY]} ${next.spec?.limited?.nominalConcurrencyShares}`
      : 'kept';
    expect(shown).toBe(outcome);
  });

  it('are made where they are missing, and then left alone', () => {
    expect(plan(undefined, 'system')).toEqual(level('system'));
    expect(plan(level('system'), 'system')).toBeUndefined();
  });
});

it('a schema says whether its level is there', () => {
  const [schema] = defaultFlowSchemas();
  if (!schema) throw new Error('there are none');
  const dangling = planDangling(schema, [], '2026-01-01T00:00:00Z');
  expect(dangling?.status?.conditions).toEqual([
    {
      type: 'Dangling',
      status: 'True',
      reason: 'NotFound',
      message:
        'This FlowSchema references the PriorityLevelConfiguration object named "exempt" but there is no such object',
      lastTransitionTime: '2026-01-01T00:00:00Z',
    },
  ]);
  const found = planDangling(dangling ?? schema, [level('exempt')], '2026-01-02T00:00:00Z');
  expect(found?.status?.conditions?.[0]).toMatchObject({ status: 'False', reason: 'Found' });
  expect(planDangling(found ?? schema, [level('exempt')], '2026-01-03T00:00:00Z')).toBeUndefined();
});
