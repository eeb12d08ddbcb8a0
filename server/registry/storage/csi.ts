import { duplicate, type FieldError, required } from '#proto/meta/field-error.ts';
import type {
  CSIDriver,
  CSINode,
  CSIStorageCapacity,
  VolumeAttachment,
  VolumeAttributesClass,
} from '#proto/schema/generated/storage-v1.ts';
import type { Strategy } from '#server/registry/strategy.ts';
import { eachAt, immutable, named } from '#server/registry/validation/field-checks.ts';
import { dnsSubdomainProblems } from '#server/registry/validation/names.ts';
import { validateAmounts } from '#server/registry/validation/quantities.ts';
import { validateLabelSelector } from '#server/registry/validation/selectors.ts';

/** What a CSI driver needs from the cluster. */
export const csiDriver: Strategy<CSIDriver> = {
  applyDefaults: (object) => {
    object.spec ??= {};
    const { spec } = object;
    spec.attachRequired ??= true;
    spec.podInfoOnMount ??= false;
    spec.storageCapacity ??= false;
    spec.fsGroupPolicy ??= 'ReadWriteOnceWithFSType';
    if (!spec.volumeLifecycleModes?.length) spec.volumeLifecycleModes = ['Persistent'];
    spec.requiresRepublish ??= false;
    spec.seLinuxMount ??= false;
  },
  validateUpdate: (object, old) => [
    ...immutable('spec.attachRequired', object.spec.attachRequired, old.spec.attachRequired),
    ...immutable(
      'spec.volumeLifecycleModes',
      object.spec.volumeLifecycleModes,
      old.spec.volumeLifecycleModes,
    ),
  ],
};

/** The drivers of one node. */
export const csiNode: Strategy<CSINode> = {
  validate: ({ spec }) => {
    const names = new Set<string>();
    return eachAt(spec?.drivers, 'spec.drivers', (driver, at) => {
      const errors = named(`${at}.name`, driver.name, dnsSubdomainProblems);
      if (names.has(driver.name)) errors.push(duplicate(`${at}.name`, driver.name));
      names.add(driver.name);
      return driver.nodeID ? errors : [...errors, required(`${at}.nodeID`, '')];
    });
  },
};

export const csiStorageCapacity: Strategy<CSIStorageCapacity> = {
  validate: ({ storageClassName, nodeTopology, capacity, maximumVolumeSize }) => [
    ...named('storageClassName', storageClassName, dnsSubdomainProblems),
    ...validateLabelSelector(nodeTopology, 'nodeTopology'),
    ...validateAmounts(capacity === undefined ? {} : { capacity }, 'capacity'),
    ...validateAmounts(maximumVolumeSize === undefined ? {} : { maximumVolumeSize }, 'maximumVolumeSize'),
  ],
  validateUpdate: (object, old) => [
    ...immutable('nodeTopology', object.nodeTopology, old.nodeTopology),
    ...immutable('storageClassName', object.storageClassName, old.storageClassName),
  ],
};

export const volumeAttachment: Strategy<VolumeAttachment> = {
  prepareForCreate: (object) => {
    object.status = { attached: false };
  },
  validate: ({ spec }) => {
    const errors: FieldError[] = named('spec.attacher', spec?.attacher, dnsSubdomainProblems);
    if (!spec?.nodeName) errors.push(required('spec.nodeName'));
    const { persistentVolumeName, inlineVolumeSpec } = spec?.source ?? {};
    if (!persistentVolumeName && !inlineVolumeSpec) {
      errors.push(
        required('spec.source', 'must specify exactly one of inlineVolumeSpec and persistentVolumeName'),
      );
    }
    return errors;
  },
  validateUpdate: (object, old) => immutable('spec', object.spec, old.spec),
};

export const volumeAttributesClass: Strategy<VolumeAttributesClass> = {
  validate: ({ driverName }) => named('driverName', driverName, dnsSubdomainProblems),
  validateUpdate: (object, old) => [
    ...immutable('driverName', object.driverName, old.driverName),
    ...immutable('parameters', object.parameters ?? {}, old.parameters ?? {}),
  ],
};
