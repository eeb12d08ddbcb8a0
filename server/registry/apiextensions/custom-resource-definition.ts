import { type FieldError, invalidValue } from '#proto/meta/field-error.ts';
import { timestamp } from '#proto/meta/timestamp.ts';
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionStatus,
} from '#proto/schema/generated/apiextensions-v1.ts';
import { validateApproval, validateNames } from '#server/registry/apiextensions/definition-names.ts';
import { validateSpec } from '#server/registry/apiextensions/definition-rules.ts';
import type { Strategy } from '#server/registry/strategy.ts';
import { immutable, isSame } from '#server/registry/validation/field-checks.ts';
import { knownFormat } from '#server/structural/formats.ts';
import { hasRules } from '#server/structural/rules.ts';
import { someSchema } from '#server/structural/schema-tree.ts';

/** Holds a definition until all objects of its kind are gone. */
const CLEANUP = 'customresourcecleanup.apiextensions.k8s.io';

const NO_STATUS: CustomResourceDefinitionStatus = {
  conditions: [],
  acceptedNames: { plural: '', kind: '' },
  storedVersions: [],
};

/** What defines custom kinds. Rule: apiextensions-apiserver `registry/customresourcedefinition` and `validation`. */
export const customResourceDefinition: Strategy<CustomResourceDefinition> = {
  applyDefaults: (object) => {
    object.spec ??= { group: '', names: { plural: '', kind: '' }, scope: '', versions: [] };
    object.spec.names ??= { plural: '', kind: '' };
    object.spec.versions ??= [];
    const { names } = object.spec;
    names.singular ||= names.kind?.toLowerCase();
    if (names.kind) names.listKind ||= `${names.kind}List`;
    object.spec.conversion ??= { strategy: 'None' };
    const service = object.spec.conversion.webhook?.clientConfig?.service;
    if (service) service.port ??= 443;
  },
  prepareForCreate: (object) => {
    object.status = { ...structuredClone(NO_STATUS), storedVersions: storageVersions(object) };
  },
  prepareForUpdate: (object, old, { subresource }) => {
    if (subresource) return;
    // What was ever stored stays listed until somebody has migrated it.
    const storedVersions = [...new Set([...(old.status?.storedVersions ?? []), ...storageVersions(object)])];
    object.status = { ...(object.status ?? NO_STATUS), storedVersions };
  },
  prepareForDelete: (object, { now }) => {
    const { metadata } = object;
    metadata.finalizers = [...new Set([...(metadata.finalizers ?? []), CLEANUP])];
    const others = (object.status?.conditions ?? []).filter(({ type }) => type !== 'Terminating');
    const pending = {
      type: 'Terminating',
      status: 'True',
      reason: 'InstanceDeletionPending',
      message: 'CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon',
      lastTransitionTime: timestamp(now),
    };
    object.status = { ...(object.status ?? NO_STATUS), conditions: [...others, pending] };
  },
  needsCel: ({ spec }) => spec.versions.some(({ schema }) => hasRules(schema?.openAPIV3Schema)),
  validate: (object, { subresource, old, cel }) => {
    const { acceptedNames } = object.status ?? NO_STATUS;
    const errors = validateNames(acceptedNames, 'status.acceptedNames');
    if (subresource) return errors;
    const before = old as CustomResourceDefinition | undefined;
    return [
      ...(before ? [] : validateName(object)),
      ...validateSpec(object, before, cel),
      ...errors,
      ...validateStoredVersions(object),
      ...validateApproval(object, before),
      ...validatePreserving(object, before),
    ];
  },
  validateUpdate: (object, old, { subresource }) => (subresource ? [] : validateUnchanged(object, old)),
  warnings: (object, old) => {
    const before = old ? unrecognizedFormats(old) : [];
    return unrecognizedFormats(object)
      .filter((format) => !before.includes(format))
      .map((format) => `unrecognized format ${JSON.stringify(format)}`);
  },
};

const storageVersions = ({ spec }: CustomResourceDefinition): string[] =>
  spec.versions
    .filter(({ storage }) => storage)
    .map(({ name }) => name)
    .slice(0, 1);

function validateName({ metadata, spec }: CustomResourceDefinition): FieldError[] {
  if (metadata.name === `${spec.names.plural}.${spec.group}`) return [];
  const detail = 'must be spec.names.plural+"."+spec.group';
  return [invalidValue('metadata.name', metadata.name ?? '', detail)];
}

/** Objects lie in the store by these names. */
function validateUnchanged(object: CustomResourceDefinition, old: CustomResourceDefinition): FieldError[] {
  const established = old.status?.conditions?.some(
    ({ type, status }) => type === 'Established' && status === 'True',
  );
  return [
    ...(established
      ? [
          ...immutable('spec.scope', object.spec.scope, old.spec.scope),
          ...immutable('spec.names.kind', object.spec.names.kind, old.spec.names.kind),
        ]
      : []),
    ...immutable('spec.group', object.spec.group, old.spec.group),
    ...immutable('spec.names.plural', object.spec.names.plural, old.spec.names.plural),
  ];
}

function validateStoredVersions({ spec, status }: CustomResourceDefinition): FieldError[] {
  const path = 'status.storedVersions';
  const stored = status?.storedVersions ?? [];
  if (stored.length === 0) return [invalidValue(path, null, 'must have at least one stored version')];
  const errors = spec.versions
    .filter(({ name, storage }) => storage && !stored.includes(name))
    .map(({ name }) => invalidValue(path, stored, `must have the storage version ${name}`));
  for (const [i, version] of stored.entries()) {
    if (spec.versions.some(({ name }) => name === version)) continue;
    const detail = `missing from spec.versions; ${version} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in ${version} and removes ${version} from status.storedVersions`;
    errors.push(invalidValue(`${path}[${i}]`, version, detail));
  }
  return errors;
}

function validatePreserving(
  { spec }: CustomResourceDefinition,
  old: CustomResourceDefinition | undefined,
): FieldError[] {
  if (!spec.preserveUnknownFields || old?.spec.preserveUnknownFields) return [];
  const detail =
    'cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead';
  return [invalidValue('spec.preserveUnknownFields', true, detail)];
}

/** Formats that no value is held to. What all versions have in common is named once. */
function unrecognizedFormats({ spec }: CustomResourceDefinition): string[] {
  const { versions } = spec;
  const [first] = versions;
  const own = versions.every(({ schema }) => isSame(schema, first?.schema)) ? versions.slice(0, 1) : versions;
  const formats: string[] = [];
  for (const { schema } of own)
    someSchema(schema?.openAPIV3Schema, ({ type, format }) => {
      if (format && knownFormat(type, format) === undefined) formats.push(format);
      return false;
    });
  return formats;
}
