import {
  duplicate,
  type FieldError,
  forbiddenField,
  invalidValue,
  required,
} from '#proto/meta/field-error.ts';
import { labelKeyProblems } from '#proto/meta/label-syntax.ts';
import {
  canonicalQuantity,
  compareQuantities,
  parseQuantity,
  QuantityError,
  quantityValue,
} from '#proto/meta/quantity.ts';
import type { LimitRange, LimitRangeItem } from '#proto/schema/generated/core-v1.ts';
import type { Strategy } from '#server/registry/strategy.ts';
import { eachAt, problemsAt } from '#server/registry/validation/field-checks.ts';
import { validateResourceName } from '#server/registry/validation/quantities.ts';

const AMOUNTS = ['max', 'min', 'default', 'defaultRequest', 'maxLimitRequestRatio'] as const;
type Amount = string | undefined;

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
      const { type = '' } = item;
      errors.push(...problemsAt(`${at}.type`, type, labelKeyProblems(type)));
      if (types.has(type)) errors.push(duplicate(`${at}.type`, type));
      types.add(type);
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
  const errors = AMOUNTS.flatMap((field) => validateResources(item, field, path));
  if (errors.length > 0) return errors;
  if (item.type === 'Pod') {
    for (const field of ['default', 'defaultRequest'] as const) {
      if (Object.keys(item[field] ?? {}).length > 0) {
        errors.push(forbiddenField(`${path}.${field}`, "may not be specified when `type` is 'Pod'"));
      }
    }
  }
  if (item.type === 'PersistentVolumeClaim' && !item.min?.['storage'] && !item.max?.['storage']) {
    const detail = 'either minimum or maximum storage value is required, but neither was provided';
    errors.push(required(`${path}.limits`, detail));
  }
  const names = new Set(AMOUNTS.flatMap((field) => Object.keys(item[field] ?? {})));
  return [...errors, ...[...names].flatMap((name) => validateOrder(item, name, path))];
}

function validateResources(
  item: LimitRangeItem,
  field: (typeof AMOUNTS)[number],
  path: string,
): FieldError[] {
  const ofContainers = item.type === 'Pod' || item.type === 'Container';
  return Object.entries(item[field] ?? {}).flatMap(([name, amount]) => {
    const at = `${path}.${field}[${name}]`;
    try {
      parseQuantity(`${amount}`);
      return ofContainers ? validateResourceName(name, at) : problemsAt(at, name, labelKeyProblems(name));
    } catch (err) {
      if (err instanceof QuantityError) return [invalidValue(at, amount, err.message)];
      throw err;
    }
  });
}

/** One resource: the least is not more than the defaults, and those not more than the most. */
function validateOrder(item: LimitRangeItem, name: string, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const min = item.min?.[name];
  const max = item.max?.[name];
  const request = item.defaultRequest?.[name];
  const limit = item.default?.[name];
  const check = (field: string, low: Amount, high: Amount, detail: string, shown = low): void => {
    if (low === undefined || high === undefined || compareQuantities(low, high) <= 0) return;
    errors.push(invalidValue(`${path}.${field}[${name}]`, shown, detail));
  };
  check('min', min, max, `min value ${min} is greater than max value ${max}`);
  const least = `min value ${min} is greater than default request value ${request}`;
  check('defaultRequest', min, request, least, request);
  const requested = `default request value ${request} is greater than`;
  check('defaultRequest', request, max, `${requested} max value ${max}`);
  check('defaultRequest', request, limit, `${requested} default limit value ${limit}`);
  check('default', min, limit, `min value ${min} is greater than default value ${limit}`);
  check('default', limit, max, `default value ${limit} is greater than max value ${max}`, max);
  return [...errors, ...validateRatio(item, name, path)];
}

/** How much more may be used than was asked for: at least 1, at most what the bounds allow. */
function validateRatio(
  { min, max, maxLimitRequestRatio }: LimitRangeItem,
  name: string,
  path: string,
): FieldError[] {
  const ratio = maxLimitRequestRatio?.[name];
  if (ratio === undefined) return [];
  const at = `${path}.maxLimitRequestRatio[${name}]`;
  const shown = canonicalQuantity(ratio);
  const errors: FieldError[] = [];
  if (compareQuantities(ratio, '1') < 0) {
    errors.push(invalidValue(at, shown, `ratio ${shown} is less than 1`));
  }
  const [low, high] = [quantityValue(min?.[name]), quantityValue(max?.[name])];
  if (low > 0 && max?.[name] !== undefined && quantityValue(ratio) > high / low) {
    const detail = `ratio ${shown} is greater than max/min = ${(high / low).toFixed(6)}`;
    errors.push(invalidValue(at, shown, detail));
  }
  return errors;
}
