import { persistentvolumeclaims } from '#proto/api/core/persistentvolumeclaims.ts';
import { storageclasses } from '#proto/api/storage/storageclasses.ts';
import type { PersistentVolumeClaim } from '#proto/schema/generated/core-v1.ts';
import type { AdmissionAttributes, AdmissionPlugin } from '#server/apiserver/admission/admission.ts';
import { newestDefault } from '#server/apiserver/admission/newest-default.ts';
import { isAbout } from '#server/apiserver/admission/refuse.ts';
import type { ObjectReader } from '#server/apiserver/authn/object-reader.ts';
import {
  BETA_DEFAULT_CLASS,
  choosesClass,
  DEFAULT_CLASS,
} from '#server/controllers/persistentvolume/storage-facts.ts';

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
    if (choosesClass(claim)) return;
    const byDefault = newestDefault(this.#reader.list(storageclasses), [DEFAULT_CLASS, BETA_DEFAULT_CLASS]);
    if (byDefault) claim.spec.storageClassName = byDefault;
  }
}
