import { duplicate, type FieldError, invalidValue, required } from '#proto/meta/field-error.ts';
import { labelKeyProblems } from '#proto/meta/label-syntax.ts';
import type { TopologySelectorTerm } from '#proto/schema/generated/core-v1.ts';
import type { StorageClass } from '#proto/schema/generated/storage-v1.ts';
import type { Strategy } from '#server/registry/strategy.ts';
import { eachAt, immutable, named, oneOf, problemsAt } from '#server/registry/validation/field-checks.ts';

/** StorageClasses. Rule: upstream's `ValidateStorageClass`. */
export const storageClass: Strategy<StorageClass> = {
  applyDefaults: (object) => {
    object.reclaimPolicy ??= 'Delete';
    object.volumeBindingMode ??= 'Immediate';
  },
  validate: (object) => {
    const { provisioner = '', parameters = {} } = object;
    return [
      ...validateDriverName(provisioner, 'provisioner'),
      ...validateParameters(parameters),
      ...oneOf('reclaimPolicy', object.reclaimPolicy, ['Delete', 'Retain']),
      ...oneOf('volumeBindingMode', object.volumeBindingMode, ['Immediate', 'WaitForFirstConsumer']),
      ...eachAt(object.allowedTopologies, 'allowedTopologies', validateTopology),
    ];
  },
  validateUpdate: (object, old) => [
    ...immutable('parameters', object.parameters ?? {}, old.parameters ?? {}),
    ...immutable('provisioner', object.provisioner, old.provisioner),
    ...immutable('reclaimPolicy', object.reclaimPolicy, old.reclaimPolicy),
    ...immutable('volumeBindingMode', object.volumeBindingMode, old.volumeBindingMode),
  ],
};

/** Drivers and provisioners are looked at in lower case. */
export const validateDriverName = (name: string, path: string): FieldError[] =>
  named(path, name.toLowerCase(), labelKeyProblems);

export const validateParameters = (parameters: Readonly<Record<string, string>>): FieldError[] =>
  Object.hasOwn(parameters, '') ? [invalidValue('parameters', '', 'field can not be empty.')] : [];

/** A term of topology: no key twice, no value twice. */
function validateTopology({ matchLabelExpressions }: TopologySelectorTerm, path: string): FieldError[] {
  const keys = new Set<string>();
  return eachAt(matchLabelExpressions, `${path}.matchLabelExpressions`, ({ key = '', values }, at) => {
    const errors: FieldError[] = [];
    if (keys.has(key)) errors.push(duplicate(`${at}.key`, key));
    keys.add(key);
    const seen = new Set<string>();
    if (!values?.length) errors.push(required(`${at}.values`));
    for (const [i, value] of (values ?? []).entries()) {
      if (seen.has(value)) errors.push(duplicate(`${at}.values[${i}]`, value));
      seen.add(value);
    }
    return [...errors, ...problemsAt(`${at}.key`, key, labelKeyProblems(key))];
  });
}
