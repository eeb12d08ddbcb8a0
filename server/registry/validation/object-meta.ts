import { type FieldError, forbiddenField, invalidValue, required, tooLong } from '#proto/meta/field-error.ts';
import { labelKeyProblems, labelValueProblems } from '#proto/meta/label-syntax.ts';
import type { ObjectMeta, OwnerReference } from '#proto/schema/generated/meta-v1.ts';
import type { Strategy } from '#server/registry/strategy.ts';
import { immutable, NON_NEGATIVE, problemsAt } from '#server/registry/validation/field-checks.ts';
import {
  dns1035LabelProblems,
  dnsLabelProblems,
  dnsSubdomainProblems,
  pathSegmentProblems,
} from '#server/registry/validation/names.ts';

export type NameRule = NonNullable<Strategy['nameRule']>;

const NAME_PROBLEMS: Readonly<Record<NameRule, (name: string) => string[]>> = {
  'dns-subdomain': dnsSubdomainProblems,
  'dns-label': dnsLabelProblems,
  'dns1035-label': dns1035LabelProblems,
  'path-segment': pathSegmentProblems,
};

const MAX_ANNOTATION_BYTES = 256 * 1024;
const ORPHAN = 'orphan';
const FOREGROUND = 'foregroundDeletion';

/** Why `name` cannot be the name of such an object; `prefix` for a `generateName`, which may end in a dash. */
export function nameProblems(rule: NameRule, name: string, prefix = false): string[] {
  const masked = prefix && name.length > 1 && name.endsWith('-') ? `${name.slice(0, -2)}a` : name;
  return NAME_PROBLEMS[rule](masked);
}

/**
 * The metadata of an object that is about to be stored, after name generation.
 * Rule: apimachinery `pkg/api/validation.ValidateObjectMeta`.
 */
export function validateObjectMeta(
  meta: ObjectMeta,
  options: {
    readonly namespaced: boolean;
    readonly nameRule?: NameRule | undefined;
    /** Only finalizers that begin with a domain and a slash, and the few that upstream knows. */
    readonly kubeFinalizers?: boolean;
  },
  path = 'metadata',
): FieldError[] {
  const rule = options.nameRule ?? 'dns-subdomain';
  const { name, generateName } = meta;
  const errors: FieldError[] = [];
  if (generateName) {
    errors.push(...problemsAt(`${path}.generateName`, generateName, nameProblems(rule, generateName, true)));
  }
  if (!name) errors.push(required(`${path}.name`, 'name or generateName is required'));
  else errors.push(...problemsAt(`${path}.name`, name, nameProblems(rule, name)));
  errors.push(...validateNamespaceOf(meta, options.namespaced, path));
  if ((meta.generation ?? 0) < 0) {
    errors.push(invalidValue(`${path}.generation`, meta.generation, NON_NEGATIVE));
  }
  return [
    ...errors,
    ...validateLabels(meta.labels, `${path}.labels`),
    ...validateAnnotations(meta.annotations, `${path}.annotations`),
    ...validateOwnerReferences(meta.ownerReferences, `${path}.ownerReferences`),
    ...validateFinalizers(meta.finalizers, `${path}.finalizers`),
    ...(options.kubeFinalizers ? validateFinalizerNames(meta.finalizers, `${path}.finalizers`) : []),
  ];
}

const STANDARD_FINALIZERS = new Set(['kubernetes', ORPHAN, FOREGROUND]);

/** Rule: `ValidateObjectMeta` of pkg/apis/core/validation. */
const validateFinalizerNames = (finalizers: readonly string[] | undefined, path: string): FieldError[] =>
  (finalizers ?? []).flatMap((finalizer, i) =>
    finalizer.includes('/') || STANDARD_FINALIZERS.has(finalizer)
      ? []
      : [
          invalidValue(
            `${path}[${i}]`,
            finalizer,
            'name is neither a standard finalizer name nor is it fully qualified',
          ),
        ],
  );

/** What may not change. Rule: apimachinery `ValidateObjectMetaUpdate`. */
export function validateObjectMetaUpdate(meta: ObjectMeta, old: ObjectMeta, path = 'metadata'): FieldError[] {
  const errors: FieldError[] = [];
  if (old.deletionTimestamp) {
    const known = new Set(old.finalizers);
    const added = (meta.finalizers ?? []).filter((finalizer) => !known.has(finalizer)).sort();
    if (added.length > 0) {
      const list = added.map((finalizer) => JSON.stringify(finalizer)).join(', ');
      const detail = `no new finalizers can be added if the object is being deleted, found new finalizers []string{${list}}`;
      errors.push(forbiddenField(`${path}.finalizers`, detail));
    }
  }
  if (!meta.resourceVersion) {
    errors.push(
      invalidValue(`${path}.resourceVersion`, meta.resourceVersion ?? '', 'must be specified for an update'),
    );
  }
  if ((meta.generation ?? 0) < (old.generation ?? 0)) {
    errors.push(invalidValue(`${path}.generation`, meta.generation ?? 0, 'must not be decremented'));
  }
  return [
    ...errors,
    ...immutable(`${path}.name`, meta.name, old.name),
    ...immutable(`${path}.namespace`, meta.namespace, old.namespace),
    ...immutable(`${path}.uid`, meta.uid, old.uid),
    ...immutable(`${path}.creationTimestamp`, meta.creationTimestamp, old.creationTimestamp),
    ...immutable(`${path}.deletionTimestamp`, meta.deletionTimestamp, old.deletionTimestamp),
    ...immutable(
      `${path}.deletionGracePeriodSeconds`,
      meta.deletionGracePeriodSeconds,
      old.deletionGracePeriodSeconds,
    ),
  ];
}

function validateNamespaceOf(meta: ObjectMeta, namespaced: boolean, path: string): FieldError[] {
  const { namespace } = meta;
  if (!namespaced) return namespace ? [forbiddenField(`${path}.namespace`, 'not allowed on this type')] : [];
  if (!namespace) return [required(`${path}.namespace`)];
  return problemsAt(`${path}.namespace`, namespace, dnsLabelProblems(namespace));
}

/** Keys and values of labels, wherever they are written. */
export function validateLabels(
  labels: Readonly<Record<string, string>> | undefined,
  path: string,
): FieldError[] {
  return Object.entries(labels ?? {}).flatMap(([key, value]) => [
    ...problemsAt(path, key, labelKeyProblems(key)),
    ...problemsAt(path, value, labelValueProblems(value)),
  ]);
}

export function validateAnnotations(
  annotations: Readonly<Record<string, string>> | undefined,
  path: string,
): FieldError[] {
  const errors: FieldError[] = [];
  let bytes = 0;
  for (const [key, value] of Object.entries(annotations ?? {})) {
    errors.push(...problemsAt(path, key, labelKeyProblems(key.toLowerCase())));
    bytes += utf8Length(key) + utf8Length(value);
  }
  if (bytes > MAX_ANNOTATION_BYTES) errors.push(tooLong(path, MAX_ANNOTATION_BYTES));
  return errors;
}

function validateOwnerReferences(owners: readonly OwnerReference[] | undefined, path: string): FieldError[] {
  const errors: FieldError[] = [];
  let controller: string | undefined;
  for (const owner of owners ?? []) {
    errors.push(...validateOwnerReference(owner, path));
    if (!owner.controller) continue;
    const name = `${owner.kind}/${owner.name}`;
    if (controller === undefined) controller = name;
    else {
      const detail = `Only one reference can have Controller set to true. Found "true" in references for ${controller} and ${name}`;
      errors.push(invalidValue(path, owners, detail));
    }
  }
  return errors;
}

function validateOwnerReference(owner: OwnerReference, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const empty = (field: keyof OwnerReference, detail: string): void => {
    if (!owner[field]) errors.push(invalidValue(`${path}.${field}`, owner[field] ?? '', detail));
  };
  empty('apiVersion', 'version must not be empty');
  empty('kind', 'must not be empty');
  empty('name', 'must not be empty');
  empty('uid', 'must not be empty');
  if (owner.apiVersion === 'v1' && owner.kind === 'Event') {
    errors.push(invalidValue(path, owner, '/v1, Kind=Event is disallowed from being an owner'));
  }
  return errors;
}

function validateFinalizers(finalizers: readonly string[] | undefined, path: string): FieldError[] {
  const errors = (finalizers ?? []).flatMap((f) => problemsAt(path, f, labelKeyProblems(f)));
  if (finalizers?.includes(ORPHAN) && finalizers.includes(FOREGROUND)) {
    const detail = `finalizer ${ORPHAN} and ${FOREGROUND} cannot be both set`;
    errors.push(invalidValue(path, finalizers, detail));
  }
  return errors;
}

function utf8Length(text: string): number {
  let bytes = 0;
  for (const character of text) {
    const point = character.codePointAt(0) ?? 0;
    bytes += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
  }
  return bytes;
}
