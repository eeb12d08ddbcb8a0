import { isObject, type JsonObject } from '#proto/meta/own-property.ts';
import type { Correlation } from '#server/structural/correlation.plan.ts';
import { isEqual } from '#server/structural/correlation.plan.ts';
import { type Finding, Findings } from '#server/structural/findings.plan.ts';
import { hasFormat, knownFormat } from '#server/structural/formats.ts';
import type { Patterns } from '#server/structural/patterns.ts';
import { itemSchema, type Structural } from '#server/structural/schema.ts';

/**
 * Validates a value by its schema. With `before`, whatever is as it was is not held against the client. Rules, words and
 * which of several failed alternatives is told: kube-openapi `pkg/validation/validate`.
 */
export function validateValue(
  value: unknown,
  schema: Structural,
  patterns: Patterns,
  before?: Correlation,
): Findings {
  return new Validator(patterns).value(value, schema, '', before);
}

class Validator {
  readonly #patterns: Patterns;

  constructor(patterns: Patterns) {
    this.#patterns = patterns;
  }

  value(value: unknown, schema: Structural, path: string, before: Correlation | undefined): Findings {
    const found = new Findings();
    const steps =
      value === null
        ? [this.#type(value, schema, path), this.#enum(value, schema, path)]
        : [
            this.#type(value, schema, path),
            this.#alternatives(value, schema, path, before),
            ...this.#ofKind(value, schema, path, before),
            this.#enum(value, schema, path),
            isObject(value) && this.#object(value, schema, path, before),
          ];
    for (const step of steps) {
      if (step === false) continue;
      if (step) found.merge(step);
      if (value !== null) found.matches++;
    }
    if (value !== null) found.matches++;
    return found;
  }

  /** A part of a value: of what has not changed since, nothing is told. */
  #part(value: unknown, schema: Structural, path: string, before: Correlation | undefined): Findings {
    const found = this.value(value, schema, path, before);
    if (found.isEmpty || !before?.unchanged) return found;
    const pardoned = new Findings();
    pardoned.matches = found.matches;
    return pardoned;
  }

  *#ofKind(
    value: unknown,
    schema: Structural,
    path: string,
    before: Correlation | undefined,
  ): Generator<Findings | undefined> {
    if (typeof value === 'string') {
      yield this.#string(value, schema, path);
      const format = knownFormat(schema.type, schema.format);
      if (format && schema.type !== 'integer' && schema.type !== 'number')
        yield hasFormat(format, value) ? undefined : one(wrongType(path, format, value));
    } else if (typeof value === 'number') yield number(value, schema, path);
    else if (Array.isArray(value)) yield this.#list(value, schema, path, before);
  }

  #type(value: unknown, schema: Structural, path: string): Findings {
    const types = schema['x-kubernetes-int-or-string']
      ? ['integer', 'string']
      : schema.type
        ? [schema.type]
        : [];
    const format = knownFormat(types.length === 1 ? types[0] : undefined, schema.format);
    const found = new Findings();
    found.matches++;
    if (types.length === 0 && !format) return found;
    const wanted = types.join(',');
    if (value === null) {
      if (types.length > 0 && !types.includes('null') && !schema.nullable)
        return one(wrongType(path, wanted, 'null'));
      return found;
    }
    const actual = typeOf(value);
    const fits = types.includes(actual) || (actual === 'integer' && types.includes('number'));
    const isText = typeof value === 'string' || Array.isArray(value);
    if (!isText && format && !fits) return one(wrongType(path, format, formatOf(actual)));
    // A format says what the text is: a list passes here as well, as it does upstream.
    if (isText && format && !types.includes('number') && !types.includes('integer')) return found;
    return fits ? found : one(wrongType(path, wanted, actual));
  }

  #enum(value: unknown, schema: Structural, path: string): Findings | undefined {
    const { enum: allowed } = schema;
    if (!allowed?.length) return undefined;
    if (value !== null && allowed.some((item) => item !== null && isEqual(item, value))) return undefined;
    const list = allowed.map((item) => goText(item)).join(' ');
    return one({
      kind: 'enum',
      path,
      message: `${path} in body should be one of [${list}]`,
      value,
      allowed,
    });
  }

  #string(text: string, schema: Structural, path: string): Findings | undefined {
    const { maxLength, minLength, pattern } = schema;
    if (maxLength === undefined && minLength === undefined && !pattern) return undefined;
    const length = maxLength === undefined && minLength === undefined ? 0 : runes(text);
    if (maxLength !== undefined && length > maxLength) {
      const message = `${path} in body should be at most ${maxLength} chars long`;
      return one({ kind: 'tooLong', path, message, value: text, allowed: maxLength });
    }
    if (minLength !== undefined && length < minLength)
      return one(invalid(path, `should be at least ${minLength} chars long`, text));
    if (pattern && !this.#patterns.matches(pattern, text))
      return one(invalid(path, `should match '${pattern}'`, text));
    return undefined;
  }

  #list(
    list: readonly unknown[],
    schema: Structural,
    path: string,
    before: Correlation | undefined,
  ): Findings {
    const { maxItems, minItems, uniqueItems } = schema;
    const found = new Findings();
    const items = itemSchema(schema);
    if (items)
      for (const [i, item] of list.entries())
        found.merge(this.#part(item, items, `${path}[${i}]`, before?.item(i)));
    const { length } = list;
    if (minItems !== undefined && length < minItems)
      found.add(invalid(path, `should have at least ${minItems} items`, length));
    if (maxItems !== undefined && length > maxItems) {
      const message = `${path} in body should have at most ${maxItems} items`;
      found.add({ kind: 'tooMany', path, message, value: length, allowed: maxItems });
    }
    if (uniqueItems && hasDuplicates(list)) found.add(invalid(path, "shouldn't contain duplicates"));
    found.matches++;
    return found;
  }

  #object(object: JsonObject, schema: Structural, path: string, before: Correlation | undefined): Findings {
    const { properties = {}, additionalProperties, minProperties, maxProperties, required = [] } = schema;
    const found = new Findings();
    const keys = Object.keys(object);
    if (minProperties !== undefined && keys.length < minProperties)
      found.add(invalid(path, `should have at least ${minProperties} properties`, keys.length));
    if (maxProperties !== undefined && keys.length > maxProperties) {
      const message = `${path} in body should have at most ${maxProperties} properties`;
      found.add({ kind: 'tooMany', path, message, value: keys.length, allowed: maxProperties });
    }
    const partOf = (key: string): Correlation | undefined =>
      path === '' && (key === 'kind' || key === 'apiVersion') ? undefined : before?.field(key);
    for (const key of keys) {
      if (Object.hasOwn(properties, key)) continue;
      if (additionalProperties === false)
        found.add({
          kind: 'invalid',
          path,
          message: `${path}.${key} in body is a forbidden property`,
          value: key,
        });
      else if (typeof additionalProperties === 'object')
        found.merge(this.#part(object[key], additionalProperties, `${path}.${key}`, partOf(key)));
    }
    for (const [key, property] of Object.entries(properties))
      if (Object.hasOwn(object, key))
        found.merge(this.#part(object[key], property, path === '' ? key : `${path}.${key}`, partOf(key)));
    for (const key of required) {
      if (Object.hasOwn(object, key)) continue;
      const at = `${path}.${key}`;
      found.add({ kind: 'required', path: at, message: `${at} in body is required` });
    }
    return found;
  }

  #alternatives(value: unknown, schema: Structural, path: string, before: Correlation | undefined): Findings {
    const found = new Findings();
    const quoted = JSON.stringify(path);
    const results = (schemas: readonly Structural[] | undefined): Findings[] =>
      (schemas ?? []).map((one) => this.value(value, one, path, before));

    if (schema.anyOf?.length) {
      const any = results(schema.anyOf);
      if (!any.some(({ isEmpty }) => isEmpty))
        found.add(whole(`${quoted} must validate at least one schema (anyOf)`));
      merge(found, any.find(({ isEmpty }) => isEmpty) ?? farthest(any));
    }
    if (schema.oneOf?.length) {
      const alternatives = results(schema.oneOf);
      const valid = alternatives.filter(({ isEmpty }) => isEmpty);
      if (valid.length === 1) merge(found, valid[0]);
      else {
        const what = valid.length === 0 ? 'Found none valid' : `Found ${valid.length} valid alternatives`;
        found.add(whole(`${quoted} must validate one and only one schema (oneOf). ${what}`));
        if (valid.length === 0) merge(found, farthest(alternatives));
      }
    }
    if (schema.allOf?.length) {
      const all = results(schema.allOf);
      for (const result of all) found.merge(result);
      const valid = all.filter(({ isEmpty }) => isEmpty).length;
      if (valid < all.length)
        found.add(
          whole(`${quoted} must validate all the schemas (allOf)${valid === 0 ? '. None validated' : ''}`),
        );
    }
    if (schema.not && this.value(value, schema.not, path, before).isEmpty)
      found.add(whole(`${quoted} must not validate the schema (not)`));
    found.matches++;
    return found;
  }
}

/** Of results that all failed, the one that passed the most checks. */
const farthest = (results: readonly Findings[]): Findings | undefined =>
  results.reduce<Findings | undefined>(
    (best, result) => (best && best.matches >= result.matches ? best : result),
    undefined,
  );

function merge(found: Findings, other: Findings | undefined): void {
  if (other) found.merge(other);
}

function one(finding: Finding): Findings {
  const found = new Findings();
  found.add(finding);
  return found;
}

const whole = (message: string): Finding => ({ kind: 'whole', path: '', message });

const invalid = (path: string, text: string, value?: unknown): Finding => ({
  kind: 'invalid',
  path,
  message: `${path} in body ${text}`,
  value,
});

const wrongType = (path: string, wanted: string, actual: string): Finding => ({
  kind: 'type',
  path,
  message: `${path} in body must be of type ${wanted}: ${JSON.stringify(actual)}`,
  value: actual,
});

function typeOf(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  // More than 64 bits have no integer in Go.
  if (typeof value === 'number')
    return Number.isInteger(value) && Math.abs(value) <= MAX_INT64 ? 'integer' : 'number';
  return typeof value;
}

const formatOf = (type: string): string =>
  type === 'integer' ? 'int64' : type === 'number' ? 'float64' : '';

const runes = (text: string): number => {
  let count = 0;
  for (const _ of text) count++;
  return count;
};

/** As Go prints a value in a list. */
const goText = (value: unknown): string =>
  typeof value === 'string' ? value : value === null ? '<nil>' : JSON.stringify(value);

const MAX_INT32 = 2 ** 31 - 1;
/** As near as a number of JavaScript comes to 2^63 - 1. */
const MAX_INT64 = 2 ** 63;
const MAX_FLOAT32 = 3.4028234663852886e38;

function number(value: number, schema: Structural, path: string): Findings {
  const { multipleOf, maximum, minimum, exclusiveMaximum, exclusiveMinimum } = schema;
  const found = new Findings();
  const range = (amount: number, what: string): Finding | undefined => {
    const problem = outOfRange(amount, schema, what, path);
    return problem === undefined ? undefined : whole(problem);
  };
  const check = (finding: Finding | undefined): void => {
    if (finding) found.add(finding);
  };
  check(range(value, 'Checked'));
  if (multipleOf !== undefined) {
    check(range(multipleOf, 'MultipleOf'));
    check(notMultiple(value, multipleOf, path));
  }
  if (minimum !== undefined) {
    check(range(minimum, 'Minimum boundary'));
    if (exclusiveMinimum ? value <= minimum : value < minimum)
      found.add(
        invalid(path, `should be greater than ${exclusiveMinimum ? '' : 'or equal to '}${minimum}`, value),
      );
  }
  if (maximum !== undefined) {
    check(range(maximum, 'Maximum boundary'));
    if (exclusiveMaximum ? value >= maximum : value > maximum)
      found.add(
        invalid(path, `should be less than ${exclusiveMaximum ? '' : 'or equal to '}${maximum}`, value),
      );
  }
  found.matches++;
  return found;
}

function notMultiple(value: number, factor: number, path: string): Finding | undefined {
  if (factor <= 0)
    return {
      kind: 'invalid',
      path,
      message: `factor MultipleOf declared for ${path} must be positive: ${factor}`,
      value: factor,
    };
  const times = factor < 1 ? (1 / factor) * value : value / factor;
  // As near as numbers of 64 bits are: 0.3 is three times 0.1.
  if (Math.abs(times - Math.round(times)) <= 1e-9 * Math.max(1, Math.abs(times))) return undefined;
  return invalid(path, `should be a multiple of ${factor}`, value);
}

/** Does a number fit the type that the schema says? Told without the schema's own bounds. */
function outOfRange(
  amount: number,
  { type, format }: Structural,
  what: string,
  path: string,
): string | undefined {
  const known = knownFormat(type, format);
  if (type === 'integer') {
    const [least, most] = known === 'int32' ? [-MAX_INT32 - 1, MAX_INT32] : [-MAX_INT64, MAX_INT64];
    if (Number.isInteger(amount) && amount >= least && amount <= most) return undefined;
  } else if (known !== 'float' || Math.abs(amount) <= MAX_FLOAT32) return undefined;
  return known
    ? `${what} value must be of type ${type} with format ${known} in ${path}`
    : `${what} value must be of type ${type} (default format) in ${path}`;
}

function hasDuplicates(list: readonly unknown[]): boolean {
  const scalars = new Set<unknown>();
  const others: unknown[] = [];
  for (const item of list) {
    if (typeof item !== 'object' || item === null) {
      if (scalars.has(item)) return true;
      scalars.add(item);
    } else {
      if (others.some((other) => isEqual(other, item))) return true;
      others.push(item);
    }
  }
  return false;
}
