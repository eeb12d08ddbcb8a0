import { describe, expect, it } from 'vitest';
import type { StatefulSet } from '#proto/schema/generated/apps-v1.ts';
import type { PersistentVolumeClaim, Pod } from '#proto/schema/generated/core-v1.ts';
import type { OwnerReference } from '#proto/schema/generated/meta-v1.ts';
import { isStale, planClaimOwners } from '#server/controllers/statefulset/claim-retention.plan.ts';

const aSet = (whenDeleted: string, whenScaled: string): StatefulSet => ({
  metadata: { name: 'web', uid: 'set' },
  spec: {
    serviceName: 'web',
    template: {},
    persistentVolumeClaimRetentionPolicy: { whenDeleted, whenScaled },
  },
});
const pod: Pod = { metadata: { name: 'web-1', uid: 'pod' }, spec: { containers: [] } };
const owner = (kind: string, name: string, uid: string, controller = true): OwnerReference => ({
  apiVersion: kind === 'Pod' ? 'v1' : 'apps/v1',
  kind,
  name,
  uid,
  controller,
  blockOwnerDeletion: true,
});
const SET = owner('StatefulSet', 'web', 'set');
const POD = owner('Pod', 'web-1', 'pod');
const BACKUP = owner('Backup', 'nightly', 'b', false);
const aClaim = (
  ownerReferences?: OwnerReference[],
  metadata: PersistentVolumeClaim['metadata'] = {},
): PersistentVolumeClaim => ({
  metadata: { name: 'data-web-1', ...(ownerReferences ? { ownerReferences } : {}), ...metadata },
  spec: {},
});

describe('planClaimOwners', () => {
  it.each<[string, string, boolean, OwnerReference[], OwnerReference[] | undefined]>([
    ['Retain', 'Retain', false, [], undefined],
    ['Retain', 'Retain', true, [SET], []],
    ['Delete', 'Retain', false, [], [SET]],
    ['Delete', 'Retain', true, [SET], undefined],
    ['Retain', 'Delete', false, [POD], []],
    ['Retain', 'Delete', true, [], [POD]],
    ['Delete', 'Delete', false, [POD], [SET]],
    ['Delete', 'Delete', true, [SET], [POD]],
    ['Delete', 'Delete', false, [BACKUP], [BACKUP, SET]],
    ['Delete', 'Delete', false, [owner('Backup', 'nightly', 'b')], undefined],
  ])('whenDeleted %s, whenScaled %s, scaled down: %s', (whenDeleted, whenScaled, scaledDown, has, wanted) => {
    expect(planClaimOwners(aSet(whenDeleted, whenScaled), aClaim(has), pod, scaledDown)).toEqual(wanted);
  });
});

describe('isStale', () => {
  it.each([
    ['owned by the Pod of before', 'Delete', aClaim([POD]), true],
    ['owned by another Pod', 'Delete', aClaim([owner('Pod', 'web-10', 'x')]), false],
    ['owned by the Pod of before, and retained now', 'Retain', aClaim([POD]), false],
    ['being deleted', 'Retain', aClaim([], { deletionTimestamp: '2026-01-01T00:00:00Z' }), true],
  ])('%s', (_what, whenScaled, claim, stale) => {
    expect(isStale(aSet('Retain', whenScaled), claim, pod)).toBe(stale);
  });
});
