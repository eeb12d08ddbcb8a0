import { required } from '#proto/meta/field-error.ts';
import type { ControllerRevision } from '#proto/schema/generated/apps-v1.ts';
import type { Strategy } from '#server/registry/strategy.ts';
import { immutable, nonNegative } from '#server/registry/validation/field-checks.ts';

export const controllerRevision: Strategy<ControllerRevision> = {
  validate: (object) => [
    ...nonNegative('revision', object.revision),
    ...(object.data === undefined || object.data === null ? [required('data', 'data is mandatory')] : []),
  ],
  validateUpdate: (object, old) => immutable('data', object.data, old.data),
};
