import { type FieldError, forbiddenField, invalidValue, tooLong } from '#proto/meta/field-error.ts';
import type { ConfigMap } from '#proto/schema/generated/core-v1.ts';
import { MAX_DATA_BYTES } from '#server/registry/core/secret.ts';
import type { Strategy } from '#server/registry/strategy.ts';
import { isSame, problemsAt } from '#server/registry/validation/field-checks.ts';
import { configKeyProblems } from '#server/registry/validation/names.ts';

const WHEN_IMMUTABLE = 'field is immutable when `immutable` is set';

/** ConfigMaps. Rule: upstream's `pkg/registry/core/configmap/strategy.go`. */
export const configMap: Strategy<ConfigMap> = {
  validate: ({ data = {}, binaryData = {} }) => {
    let bytes = 0;
    const errors: FieldError[] = [];
    for (const [key, value] of Object.entries(data)) {
      bytes += Buffer.byteLength(value);
      errors.push(...problemsAt(`data[${key}]`, key, configKeyProblems(key)));
      if (binaryData[key] !== undefined) {
        errors.push(invalidValue(`data[${key}]`, key, 'duplicate of key present in binaryData'));
      }
    }
    for (const [key, value] of Object.entries(binaryData)) {
      bytes += Buffer.byteLength(value, 'base64');
      errors.push(...problemsAt(`binaryData[${key}]`, key, configKeyProblems(key)));
    }
    // Upstream gives no path here: it is the whole that is too large.
    if (bytes > MAX_DATA_BYTES) errors.push(tooLong('', MAX_DATA_BYTES));
    return errors;
  },
  validateUpdate: (object, old) => {
    if (!old.immutable) return [];
    const errors: FieldError[] = [];
    if (!object.immutable) errors.push(forbiddenField('immutable', WHEN_IMMUTABLE));
    for (const field of ['data', 'binaryData'] as const) {
      if (!isSame(object[field] ?? {}, old[field] ?? {})) errors.push(forbiddenField(field, WHEN_IMMUTABLE));
    }
    return errors;
  },
};
