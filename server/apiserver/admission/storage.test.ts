import { describe, expect, it } from 'vitest';
import { persistentvolumeclaims } from '#proto/api/core/persistentvolumeclaims.ts';
import { persistentvolumes } from '#proto/api/core/persistentvolumes.ts';
import { ingressclasses } from '#proto/api/networking/ingressclasses.ts';
import { ingresses } from '#proto/api/networking/ingresses.ts';
import { storageclasses } from '#proto/api/storage/storageclasses.ts';
import type { PersistentVolumeClaim } from '#proto/schema/generated/core-v1.ts';
import type { Ingress } from '#proto/schema/generated/networking-v1.ts';
import { createClaimResize } from '#server/apiserver/admission/claim-resize.ts';
import { createDefaultIngressClass } from '#server/apiserver/admission/default-ingress-class.ts';
import { aWrite, run } from '#server/apiserver/admission/fixtures.ts';
import { storageProtection } from '#server/apiserver/admission/storage-protection.ts';
import { aCluster } from '#server/apiserver/authn/fixtures.ts';

const claim = (storage: string, phase: string, storageClassName = 'fast'): PersistentVolumeClaim => ({
  metadata: { name: 'data', namespace: 'default' },
  spec: { storageClassName, resources: { requests: { storage } } },
  status: { phase },
});

it('what holds data is protected from its creation on', async () => {
  const object: PersistentVolumeClaim = { metadata: { name: 'data', finalizers: ['a/b'] }, spec: {} };
  await run(storageProtection, aWrite(persistentvolumeclaims, object));
  await run(storageProtection, aWrite(persistentvolumeclaims, object));
  expect(object.metadata.finalizers).toEqual(['a/b', 'kubernetes.io/pvc-protection']);
  const volume = { metadata: { name: 'v' } };
  await run(storageProtection, aWrite(persistentvolumes, volume));
  expect(volume.metadata).toMatchObject({ finalizers: ['kubernetes.io/pv-protection'] });
});

const NOT_RESIZABLE =
  'persistentvolumeclaims "data" is forbidden: only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize';

describe('a claim', () => {
  it.each<[string, PersistentVolumeClaim, PersistentVolumeClaim, string | undefined]>([
    ['grows where its class lets it', claim('1Gi', 'Bound'), claim('2Gi', 'Bound'), undefined],
    ['may stay as it is', claim('1Gi', 'Pending'), claim('1024Mi', 'Pending'), undefined],
    [
      'does not grow before it is bound',
      claim('1Gi', 'Pending'),
      claim('2Gi', 'Pending'),
      'persistentvolumeclaims "data" is forbidden: Only bound persistent volume claims can be expanded',
    ],
    [
      'does not grow in another class',
      claim('1Gi', 'Bound', 'slow'),
      claim('2Gi', 'Bound', 'slow'),
      NOT_RESIZABLE,
    ],
    ['does not grow without a class', claim('1Gi', 'Bound', ''), claim('2Gi', 'Bound', ''), NOT_RESIZABLE],
  ])('%s', async (_, old, next, message) => {
    const { reader, put } = aCluster();
    await put(storageclasses, { metadata: { name: 'fast' }, provisioner: 'p', allowVolumeExpansion: true });
    await put(storageclasses, { metadata: { name: 'slow' }, provisioner: 'p' });
    const write = aWrite(persistentvolumeclaims, next, { operation: 'UPDATE', oldObject: old });
    const done = run(createClaimResize(reader), write);
    if (message) await expect(done).rejects.toMatchObject({ code: 403, message });
    else await expect(done).resolves.toBeUndefined();
  });
});

it.each<[Ingress['spec'], object, string | undefined]>([
  [{}, {}, 'web'],
  [{ ingressClassName: 'own' }, {}, 'own'],
  [{}, { annotations: { 'kubernetes.io/ingress.class': 'old' } }, undefined],
])('an Ingress %j gets its class', async (spec, metadata, expected) => {
  const { reader, put } = aCluster();
  const annotations = { 'ingressclass.kubernetes.io/is-default-class': 'true' };
  await put(ingressclasses, { metadata: { name: 'web', annotations }, spec: {} });
  await put(ingressclasses, { metadata: { name: 'other' }, spec: {} });
  const ingress: Ingress = { metadata: { name: 'x', ...metadata }, spec };
  await run(createDefaultIngressClass(reader), aWrite(ingresses, ingress));
  expect(ingress.spec?.ingressClassName).toBe(expected);
});
