import { persistentvolumeclaims } from '#proto/api/core/persistentvolumeclaims.ts';
import { persistentvolumes } from '#proto/api/core/persistentvolumes.ts';
import type { Resource } from '#proto/api/resource.ts';
import { volumeattributesclasses } from '#proto/api/storage/volumeattributesclasses.ts';
import type { AdmissionPlugin } from '#server/apiserver/admission/admission.ts';
import { isAbout } from '#server/apiserver/admission/refuse.ts';

const FINALIZERS: readonly (readonly [Resource, string])[] = [
  [persistentvolumes as Resource, 'kubernetes.io/pv-protection'],
  [persistentvolumeclaims as Resource, 'kubernetes.io/pvc-protection'],
  [volumeattributesclasses as Resource, 'kubernetes.io/vac-protection'],
];

/**
 * What holds data is deleted only when nobody uses it any more: a finalizer from the start on, which controllers take
 * away. Rule: upstream's `StorageObjectInUseProtection`.
 */
export const storageProtection: AdmissionPlugin = {
  name: 'StorageObjectInUseProtection',
  admit(attributes) {
    const { operation, object } = attributes;
    if (operation !== 'CREATE' || !object) return;
    const finalizer = FINALIZERS.find(([kind]) => isAbout(attributes, kind))?.[1];
    const { finalizers = [] } = object.metadata;
    if (finalizer && !finalizers.includes(finalizer)) object.metadata.finalizers = [...finalizers, finalizer];
  },
};
