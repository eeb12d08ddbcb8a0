import {
  duplicate,
  type FieldError,
  forbiddenField,
  invalidValue,
  required,
} from '#proto/meta/field-error.ts';
import { compareQuantities } from '#proto/meta/quantity.ts';
import type { LimitRange, LimitRangeItem } from '#proto/schema/generated/core-v1.ts';
import type { Strategy } from '#server/registry/strategy.ts';
import { eachAt } from '#server/registry/validation/field-checks.ts';
import { validateAmounts } from '#server/registry/validation/quantities.ts';

/** LimitRanges. Rule: upstream's `ValidateLimitRange`. */
export const limitRange: Strategy<LimitRange> = {
  applyDefaults: (object) => {
    object.spec ??= { limits: [] };
    for (const item of object.spec.limits ?? []) applyItemDefaults(item);
  },
  validate: ({ spec }) => {
    const types = new Set<string>();
    return eachAt(spec.limits, 'spec.limits', (item, at) => {
      const errors: FieldError[] = [];
      if (!item.type) errors.push(required(`${at}.type`));
      if (types.has(item.type)) errors.push(duplicate(`${at}.type`, item.type));
      types.add(item.type);
      return [...errors, ...validateItem(item, at)];
    });
  },
};

/** For containers, a maximum is a default limit, and a limit or a minimum a default request. */
function applyItemDefaults(item: LimitRangeItem): void {
  if (item.type !== 'Container') return;
  item.default = { ...item.max, ...item.default };
  item.defaultRequest = { ...item.min, ...item.default, ...item.defaultRequest };
}

function validateItem(item: LimitRangeItem, path: string): FieldError[] {
  const errors = (['max', 'min', 'default', 'defaultRequest', 'maxLimitRequestRatio'] as const).flatMap(
    (field) => validateAmounts(item[field], `${path}.${field}`),
  );
  if (errors.length > 0) return errors;
  if (item.type === 'Pod') {
    for (const field of ['default', 'defaultRequest'] as const) {
      if (Object.keys(item[field] ?? {}).length > 0) {
        errors.push(forbiddenField(`${path}.${field}`, 'may not be specified when `type` is "Pod"'));
      }
    }
  }
  const pairs = [
    ['min', 'max'],
    ['defaultRequest', 'max'],
    ['min', 'default'],
    ['default', 'max'],
    ['defaultRequest', 'default'],
    ['min', 'defaultRequest'],
  ] as const;
  for (const [low, high] of pairs) {
    for (const [name, amount] of Object.entries(item[low] ?? {})) {
      const bound = item[high]?.[name];
      if (bound === undefined || compareQuantities(amount, bound) <= 0) continue;
      const detail = `${low} value ${amount} is greater than ${high} value ${bound}`;
      errors.push(invalidValue(`${path}.${low}[${name}]`, amount, detail));
    }
  }
  return errors;
}
