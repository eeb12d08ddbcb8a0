import { persistentvolumeclaims } from '#proto/api/core/persistentvolumeclaims.ts';
import { storageclasses } from '#proto/api/storage/storageclasses.ts';
import { compareQuantities } from '#proto/meta/quantity.ts';
import type { PersistentVolumeClaim } from '#proto/schema/generated/core-v1.ts';
import type { AdmissionPlugin } from '#server/apiserver/admission/admission.ts';
import { isAbout, refused } from '#server/apiserver/admission/refuse.ts';
import type { ObjectReader } from '#server/apiserver/authn/object-reader.ts';
import { classOf } from '#server/controllers/persistentvolume/storage-facts.ts';

const sizeOf = ({ spec }: PersistentVolumeClaim): string => spec.resources?.requests?.['storage'] ?? '0';

/** A claim grows only where its class lets it. Rule: upstream's `PersistentVolumeClaimResize`. */
export function createClaimResize(reader: ObjectReader): AdmissionPlugin {
  return {
    name: 'PersistentVolumeClaimResize',
    validate(attributes) {
      if (!isAbout(attributes, persistentvolumeclaims) || attributes.operation !== 'UPDATE') return;
      const [old, next] = [attributes.oldObject, attributes.object] as PersistentVolumeClaim[];
      if (!old || !next || compareQuantities(sizeOf(next), sizeOf(old)) <= 0) return;
      if (old.status?.phase !== 'Bound')
        throw refused(attributes, 'Only bound persistent volume claims can be expanded');
      const name = classOf(next);
      const isSame = name !== '' && name === classOf(old);
      if (!isSame || !reader.get(storageclasses, undefined, name)?.allowVolumeExpansion)
        throw refused(
          attributes,
          'only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize',
        );
    },
  };
}
