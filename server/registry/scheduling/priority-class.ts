import { type FieldError, forbiddenField } from '#proto/meta/field-error.ts';
import type { PriorityClass } from '#proto/schema/generated/scheduling-v1.ts';
import type { Strategy } from '#server/registry/strategy.ts';
import { immutable, oneOf } from '#server/registry/validation/field-checks.ts';

const SYSTEM = new Map([
  ['system-cluster-critical', 2_000_000_000],
  ['system-node-critical', 2_000_001_000],
]);
const HIGHEST = 1_000_000_000;

function systemProblem(name: string, value: number, globalDefault: boolean): string | undefined {
  const own = SYSTEM.get(name);
  if (own === undefined) return `${name} is not a known system priority class`;
  if (own !== value) return `value of ${name} PriorityClass must be ${own}`;
  return globalDefault ? `globalDefault of ${name} PriorityClass must be false` : undefined;
}

export const priorityClass: Strategy<PriorityClass> = {
  applyDefaults: (object) => {
    object.preemptionPolicy ??= 'PreemptLowerPriority';
    object.value ??= 0;
  },
  validate: ({ metadata, value, globalDefault, preemptionPolicy }) => {
    const errors: FieldError[] = [];
    const { name = '' } = metadata;
    if (name.startsWith('system-')) {
      const problem = systemProblem(name, value, globalDefault ?? false);
      if (problem) {
        const detail = "priority class names with 'system-' prefix are reserved for system use only";
        errors.push(forbiddenField('metadata.name', `${detail}. error: ${problem}`));
      }
    } else if (value > HIGHEST) {
      const detail = `maximum allowed value of a user defined priority is ${HIGHEST}`;
      errors.push(forbiddenField('value', detail));
    }
    return [
      ...errors,
      ...oneOf('preemptionPolicy', preemptionPolicy, ['PreemptLowerPriority', 'Never'], true),
    ];
  },
  validateUpdate: (object, old) => [
    ...(object.value === old.value ? [] : [forbiddenField('value', 'may not be changed in an update.')]),
    ...immutable('preemptionPolicy', object.preemptionPolicy, old.preemptionPolicy),
  ],
};
