import {
  duplicate,
  type FieldError,
  forbiddenField,
  invalidValue,
  notSupported,
  notSupportedInOrder,
  required,
} from '#proto/meta/field-error.ts';
import { labelKeyProblems } from '#proto/meta/label-syntax.ts';
import type {
  CSIDriver,
  CSIDriverSpec,
  CSINode,
  CSINodeDriver,
  CSIStorageCapacity,
  VolumeAttachment,
  VolumeAttributesClass,
} from '#proto/schema/generated/storage-v1.ts';
import { validateDriverName, validateParameters } from '#server/registry/storage/storage-class.ts';
import type { Strategy } from '#server/registry/strategy.ts';
import {
  eachAt,
  immutable,
  named,
  nonNegative,
  problemsAt,
} from '#server/registry/validation/field-checks.ts';
import { dnsSubdomainProblems } from '#server/registry/validation/names.ts';
import { validateAmount } from '#server/registry/validation/quantities.ts';
import { validateLabelSelector } from '#server/registry/validation/selectors.ts';

const LIFECYCLES = ['Persistent', 'Ephemeral'];
const FS_GROUP_POLICIES = ['File', 'None', 'ReadWriteOnceWithFSType'];
const MIN_EXPIRATION = 600;
const MAX_EXPIRATION = 2 ** 32;
const MIN_UPDATE_PERIOD = 10;
const MAX_NODE_ID = 256;

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
  validate: ({ spec }) => validateDriver(spec),
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
      return [...errors, ...validateNodeDriver(driver, at)];
    });
  },
};

export const csiStorageCapacity: Strategy<CSIStorageCapacity> = {
  validate: ({ storageClassName, nodeTopology, capacity, maximumVolumeSize }) => [
    ...validateLabelSelector(nodeTopology, 'nodeTopology'),
    ...problemsAt('storageClassName', storageClassName ?? '', dnsSubdomainProblems(storageClassName ?? '')),
    ...validateSizes(capacity, maximumVolumeSize),
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
    const { persistentVolumeName, inlineVolumeSpec } = spec?.source ?? {};
    const detail = 'must specify exactly one of inlineVolumeSpec and persistentVolumeName';
    if (!persistentVolumeName && !inlineVolumeSpec) errors.push(required('spec.source', detail));
    if (persistentVolumeName && inlineVolumeSpec) errors.push(forbiddenField('spec.source', detail));
    const nodeName = spec?.nodeName ?? '';
    return [...errors, ...problemsAt('spec.nodeName', nodeName, dnsSubdomainProblems(nodeName))];
  },
  validateUpdate: (object, old) => immutable('spec', object.spec, old.spec),
};

export const volumeAttributesClass: Strategy<VolumeAttributesClass> = {
  validate: ({ driverName = '', parameters = {} }) => [
    ...validateDriverName(driverName, 'driverName'),
    ...(Object.keys(parameters).length === 0
      ? [required('parameters', 'must contain at least one key/value pair')]
      : validateParameters(parameters)),
  ],
  validateUpdate: (object, old) => [
    ...immutable('driverName', object.driverName, old.driverName),
    ...immutable('parameters', object.parameters ?? {}, old.parameters ?? {}),
  ],
};

function validateDriver(spec: CSIDriverSpec): FieldError[] {
  const errors: FieldError[] = [];
  for (const mode of spec.volumeLifecycleModes ?? []) {
    if (!LIFECYCLES.includes(mode)) {
      errors.push(notSupportedInOrder('spec.volumeLifecycleModes', mode, LIFECYCLES));
    }
  }
  const { fsGroupPolicy, nodeAllocatableUpdatePeriodSeconds: period } = spec;
  if (fsGroupPolicy !== undefined && !FS_GROUP_POLICIES.includes(fsGroupPolicy)) {
    errors.push(notSupported('spec.fsGroupPolicy', fsGroupPolicy, FS_GROUP_POLICIES));
  }
  errors.push(...validateTokenRequests(spec.tokenRequests));
  if (period !== undefined && period < MIN_UPDATE_PERIOD) {
    const detail = `must be greater than or equal to ${MIN_UPDATE_PERIOD} seconds`;
    errors.push(invalidValue('spec.nodeAllocatableUpdatePeriodSeconds', period, detail));
  }
  return errors;
}

function validateTokenRequests(requests: CSIDriverSpec['tokenRequests']): FieldError[] {
  const audiences = new Set<string>();
  return eachAt(requests, 'spec.tokenRequests', ({ audience = '', expirationSeconds }, at) => {
    const errors: FieldError[] = [];
    if (audiences.has(audience)) errors.push(duplicate(`${at}.audience`, audience));
    audiences.add(audience);
    if (expirationSeconds === undefined) return errors;
    const duration = (detail: string): FieldError =>
      invalidValue(`${at}.expirationSeconds`, expirationSeconds, detail);
    if (expirationSeconds < MIN_EXPIRATION) {
      errors.push(duration('may not specify a duration less than 10 minutes'));
    }
    if (expirationSeconds > MAX_EXPIRATION) {
      errors.push(duration('may not specify a duration larger than 2^32 seconds'));
    }
    return errors;
  });
}

function validateNodeDriver(
  { nodeID = '', allocatable, topologyKeys }: CSINodeDriver,
  path: string,
): FieldError[] {
  const errors: FieldError[] = [];
  if (!nodeID) errors.push(required(`${path}.nodeID`));
  if (nodeID.length > MAX_NODE_ID) {
    errors.push(invalidValue(`${path}.nodeID`, nodeID, `must be ${MAX_NODE_ID} characters or less`));
  }
  errors.push(...nonNegative(`${path}.allocatable.count`, allocatable?.count));
  const keys = new Set<string>();
  for (const key of topologyKeys ?? []) {
    if (!key) errors.push(required(path));
    if (keys.has(key)) errors.push(duplicate(path, key));
    keys.add(key);
    errors.push(...problemsAt(path, key, labelKeyProblems(key)));
  }
  return errors;
}

/** The larger one is only looked at where the smaller one is good. */
function validateSizes(capacity: string | undefined, maximum: string | undefined): FieldError[] {
  const errors = capacity === undefined ? [] : validateAmount('capacity', capacity, 'capacity');
  if (errors.length > 0 || maximum === undefined) return errors;
  return validateAmount('maximumVolumeSize', maximum, 'maximumVolumeSize');
}
