import { expect, it } from 'vitest';
import { mergePatch } from '#server/client/memory-patch.ts';
import {
  cordonPatch,
  planInterruption,
  readMarks,
  releasePatch,
  restartingPatch,
} from './interruption.plan.ts';

it.each([
  ['moving', true, true, 'stays on 1.2.0; takes Pods again'],
  ['moving', false, true, 'stays on 1.2.0; stays cordoned, as it was before'],
  ['sending', true, true, 'stays on 1.2.0; takes Pods again'],
  [
    'checking',
    true,
    true,
    'stays on 1.2.0, and may try the new system when it starts the next time; takes Pods again',
  ],
  [
    'told',
    true,
    false,
    'was told to start with the new system, and goes back by itself unless that is healthy; the same command again goes on from here, it takes no new Pods until then',
  ],
  [
    'told',
    false,
    false,
    'was told to start with the new system, and goes back by itself unless that is healthy; the same command again goes on from here, it stays cordoned, as it was before',
  ],
] as const)('called off while %s, cordoned by the upgrade: %s', (phase, cordoned, release, say) => {
  expect(planInterruption({ node: 'pi', from: '1.2.0', cordoned, phase })).toEqual({ release, say });
});

it('finds on a node what it has left there, and takes no more away than that', () => {
  const before = {
    metadata: { name: 'pi', annotations: { mine: 'yes' } },
    spec: { podCIDR: '10.42.1.0/24' },
  };
  const cordoned = mergePatch(before, cordonPatch()) as typeof before;
  expect(cordoned.spec).toMatchObject({ unschedulable: true });
  expect(readMarks(cordoned.metadata.annotations)).toEqual({ cordoned: true, restarting: undefined });
  const told = mergePatch(cordoned, restartingPatch('a', 'boot 1')) as typeof before;
  expect(readMarks(told.metadata.annotations)).toEqual({
    cordoned: true,
    restarting: { slot: 'a', bootId: 'boot 1' },
  });
  expect(mergePatch(told, releasePatch(true))).toEqual(before);
  expect(mergePatch(told, releasePatch(false))).toMatchObject({ spec: { unschedulable: true } });
});

it.each([
  ['no annotations', undefined],
  ['others', { 'coracle.dev/other': 'yes' }],
  ['one that a person has spoilt', { 'coracle.dev/upgrading-from': 'c' }],
])('finds nothing among %s', (_, annotations) => {
  expect(readMarks(annotations)).toEqual({ cordoned: false, restarting: undefined });
});
