import { duplicate, type FieldError, invalidValue, required } from '#proto/meta/field-error.ts';
import { timestamp } from '#proto/meta/timestamp.ts';
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionSpec,
} from '#proto/schema/generated/apiextensions-v1.ts';
import type { Strategy } from '#server/registry/strategy.ts';
import { eachAt, immutable, named, oneOf } from '#server/registry/validation/field-checks.ts';
import { dns1035LabelProblems, dnsSubdomainProblems } from '#server/registry/validation/names.ts';

/** Holds a definition until all objects of its kind are gone. */
const CLEANUP = 'customresourcecleanup.apiextensions.k8s.io';

/** CustomResourceDefinitions: their names and versions. */
export const customResourceDefinition: Strategy<CustomResourceDefinition> = {
  applyDefaults: (object) => {
    object.spec ??= { group: '', names: { plural: '', kind: '' }, scope: '', versions: [] };
    object.spec.names ??= { plural: '', kind: '' };
    const { names, versions } = object.spec;
    names.singular ||= names.kind?.toLowerCase();
    if (names.kind) names.listKind ||= `${names.kind}List`;
    object.spec.conversion ??= { strategy: 'None' };
    for (const column of (versions ?? []).flatMap((v) => v.additionalPrinterColumns ?? []))
      column.type ||= 'string';
  },
  prepareForCreate: (object) => {
    const stored = object.spec.versions.filter((version) => version.storage).map((version) => version.name);
    object.status = { conditions: [], acceptedNames: { plural: '', kind: '' }, storedVersions: stored };
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
    object.status = {
      ...(object.status ?? { acceptedNames: { plural: '', kind: '' }, storedVersions: [] }),
      conditions: [...others, pending],
    };
  },
  prepareForUpdate: (object, old, { subresource }) => {
    if (subresource) return;
    // What was ever stored stays listed until somebody has migrated it.
    const stored = object.spec.versions.filter((version) => version.storage).map((version) => version.name);
    const storedVersions = [...new Set([...(old.status?.storedVersions ?? []), ...stored])];
    object.status = {
      ...(object.status ?? { conditions: [], acceptedNames: { plural: '', kind: '' } }),
      storedVersions,
    };
  },
  validate: ({ metadata, spec }) => {
    const errors: FieldError[] = [];
    const expected = `${spec.names.plural}.${spec.group}`;
    if (metadata.name !== expected) {
      const detail = 'must be spec.names.plural+"."+spec.group';
      errors.push(invalidValue('metadata.name', metadata.name ?? '', detail));
    }
    return [...errors, ...validateSpec(spec)];
  },
  validateUpdate: (object, old) => [
    ...immutable('spec.group', object.spec.group, old.spec.group),
    ...immutable('spec.scope', object.spec.scope, old.spec.scope),
    ...immutable('spec.names.kind', object.spec.names.kind, old.spec.names.kind),
    ...immutable('spec.names.plural', object.spec.names.plural, old.spec.names.plural),
  ],
};

function validateSpec(spec: CustomResourceDefinitionSpec): FieldError[] {
  const { group, names, versions = [] } = spec;
  const errors = named('spec.group', group, dnsSubdomainProblems);
  if (group && !group.includes('.')) {
    errors.push(invalidValue('spec.group', group, 'should be a domain with at least one dot'));
  }
  const seen = new Set<string>();
  errors.push(
    ...oneOf('spec.scope', spec.scope, ['Cluster', 'Namespaced']),
    ...eachAt(versions, 'spec.versions', (version, at) => {
      const own = named(`${at}.name`, version.name, dns1035LabelProblems);
      if (seen.has(version.name)) own.push(duplicate(`${at}.name`, version.name));
      seen.add(version.name);
      const detail = 'schemas are required';
      return version.schema?.openAPIV3Schema
        ? own
        : [...own, required(`${at}.schema.openAPIV3Schema`, detail)];
    }),
  );
  if (versions.filter((version) => version.storage).length !== 1) {
    const detail = 'must have exactly one version marked as storage version';
    errors.push(invalidValue('spec.versions', versions, detail));
  }
  return [
    ...errors,
    ...named('spec.names.plural', names.plural, dns1035LabelProblems),
    ...named('spec.names.singular', names.singular, dns1035LabelProblems),
    ...named('spec.names.kind', names.kind, (kind) => dns1035LabelProblems(kind.toLowerCase())),
    ...named('spec.names.listKind', names.listKind, (kind) => dns1035LabelProblems(kind.toLowerCase())),
    ...eachAt(names.shortNames, 'spec.names.shortNames', (name, at) => named(at, name, dns1035LabelProblems)),
  ];
}
