import { persistentvolumeclaims } from '#proto/api/core/persistentvolumeclaims.ts';
import { storageclasses } from '#proto/api/storage/storageclasses.ts';
import type { PersistentVolumeClaim } from '#proto/schema/generated/core-v1.ts';
import type { AdmissionAttributes, AdmissionPlugin } from '#server/apiserver/admission/admission.ts';
import { newestDefault } from '#server/apiserver/admission/newest-default.ts';
import { isAbout } from '#server/apiserver/admission/refuse.ts';
import type { ObjectReader } from '#server/apiserver/authn/object-reader.ts';

const DEFAULT = 'storageclass.kubernetes.io/is-default-class';
const BETA_DEFAULT = 'storageclass.beta.kubernetes.io/is-default-class';
const BETA_CLASS = 'volume.beta.kubernetes.io/storage-class';

/** A claim that names no class gets the default one: of several, the newest. Rule: upstream's DefaultStorageClass. */
export class DefaultStorageClass implements AdmissionPlugin {
  readonly name = 'DefaultStorageClass';
  readonly #reader: ObjectReader;

  constructor(reader: ObjectReader) {
    this.#reader = reader;
  }

  admit(attributes: AdmissionAttributes): void {
    const { operation, object } = attributes;
    if (!isAbout(attributes, persistentvolumeclaims) || operation !== 'CREATE' || !object) return;
    const claim = object as PersistentVolumeClaim;
    // The empty name is a choice as well: no class.
    if (claim.spec.storageClassName !== undefined || claim.metadata.annotations?.[BETA_CLASS] !== undefined)
      return;
    const byDefault = newestDefault(this.#reader.list(storageclasses), [DEFAULT, BETA_DEFAULT]);
    if (byDefault) claim.spec.storageClassName = byDefault;
  }
}
