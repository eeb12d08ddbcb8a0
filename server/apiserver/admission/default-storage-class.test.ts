import { describe, expect, it } from 'vitest';
import { persistentvolumeclaims } from '#proto/api/core/persistentvolumeclaims.ts';
import { storageclasses } from '#proto/api/storage/storageclasses.ts';
import type { PersistentVolumeClaim } from '#proto/schema/generated/core-v1.ts';
import { DefaultStorageClass } from '#server/apiserver/admission/default-storage-class.ts';
import { aWrite, run } from '#server/apiserver/admission/fixtures.ts';
import { aCluster } from '#server/apiserver/authn/fixtures.ts';

describe('DefaultStorageClass', () => {
  const aClass = (name: string, second: number, byDefault = true) => ({
    metadata: {
      name,
      creationTimestamp: `2026-01-01T00:00:0${second}Z`,
      annotations: { 'storageclass.kubernetes.io/is-default-class': String(byDefault) },
    },
    provisioner: 'p',
  });

  it.each([
    ['the newest default class', [aClass('a', 1), aClass('b', 2), aClass('c', 3, false)], undefined, 'b'],
    ['the first of two as new', [aClass('b', 1), aClass('a', 1)], undefined, 'a'],
    ['none', [aClass('c', 1, false)], undefined, undefined],
    ['its own', [aClass('a', 1)], 'own', 'own'],
    ['no class, as it says', [aClass('a', 1)], '', ''],
  ])('gives a claim %s', async (_, classes, storageClassName, expected) => {
    const { reader, put } = aCluster();
    for (const one of classes) await put(storageclasses, one);
    const claim: PersistentVolumeClaim = { metadata: { name: 'c' }, spec: { storageClassName } };
    await run(new DefaultStorageClass(reader), aWrite(persistentvolumeclaims, claim));
    expect(claim.spec.storageClassName).toBe(expected);
  });
});
