import { expect, it } from 'vitest';
import type { PersistentVolume } from '#proto/schema/generated/core-v1.ts';
import { aContext, created } from '#server/registry/registry.case.ts';
import { persistentVolume } from './persistent-volume.ts';

const LATER = { now: Date.UTC(2026, 0, 2), subresource: 'status' };
const old: PersistentVolume = created(persistentVolume, {
  metadata: { name: 'v' },
  spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], hostPath: { path: '/x' } },
});

it.each<[string, PersistentVolume['status'], string]>([
  ['another phase', { ...old.status, phase: 'Bound' }, '2026-01-02T00:00:00Z'],
  ['the same phase', { ...old.status, message: 'x' }, '2026-01-01T00:00:00Z'],
  [
    'another phase since another time',
    { phase: 'Bound', lastPhaseTransitionTime: '2025-01-01T00:00:00Z' },
    '2025-01-01T00:00:00Z',
  ],
])('the status tells since when a volume is in its phase: %s', (_, status, since) => {
  const next: PersistentVolume = { ...structuredClone(old), status: structuredClone(status ?? {}) };
  persistentVolume.prepareForUpdate?.(next, old, aContext({ ...LATER, old }));
  expect(next.status?.lastPhaseTransitionTime).toBe(since);
});
