import { type FieldError, forbiddenField, invalidValue, required } from '#proto/meta/field-error.ts';
import { isObject } from '#proto/meta/own-property.ts';
import type { CelBindings, CelEngine } from '#server/cel/engine.ts';
import { type Correlation, findByKeys } from '#server/structural/correlation.plan.ts';
import { NO_PATH } from '#server/structural/findings.plan.ts';
import type { CompiledRule, RuleNode } from '#server/structural/rules.ts';

/** In upstream's units: what all rules together may cost for one object. */
export const RULES_BUDGET = 10_000_000;

const MAX_MESSAGE_BYTES = 5 * 1024;
const OUT_OF_BUDGET =
  'validation failed due to running out of cost budget, no further validation rules will be run';

interface RuleOptions {
  readonly before?: Correlation | undefined;
  readonly path?: string | undefined;
  /** Hears of what is not held against the client. */
  readonly pardoned?: ((error: FieldError) => void) | undefined;
}

/**
 * Evaluates the rules of a schema for a value. `old` is what the value was; rules that compare both are only asked where it
 * was something. What has not changed since is not held against the client. Rule: apiextensions-apiserver
 * `schema/cel/validation.go`.
 */
export function validateRules(
  cel: CelEngine,
  node: RuleNode,
  value: unknown,
  old: unknown,
  { before, path = '', pardoned }: RuleOptions = {},
): FieldError[] {
  const run = new RuleRun(cel, pardoned);
  run.node(node, value, old, { here: before, above: undefined }, path);
  return run.errors;
}

/** A value beside what it was, or the nearest around it that was something. */
interface Ratchet {
  readonly here: Correlation | undefined;
  readonly above: Correlation | undefined;
}

const isPardoned = ({ here, above }: Ratchet): boolean => (here ?? above)?.unchanged ?? false;

class RuleRun {
  readonly errors: FieldError[] = [];
  readonly #cel: CelEngine;
  readonly #pardoned: (error: FieldError) => void;
  #budget = RULES_BUDGET;

  constructor(cel: CelEngine, pardoned: (error: FieldError) => void = () => {}) {
    this.#cel = cel;
    this.#pardoned = pardoned;
  }

  node(node: RuleNode, value: unknown, old: unknown, ratchet: Ratchet, path: string): void {
    // Whether something may be null is for the schema around it to say.
    if (value === null || value === undefined || this.#budget < 0) return;
    this.#rules(node, value, old, ratchet, path);
    if (Array.isArray(value)) this.#items(node, value, old, ratchet, path);
    else if (isObject(value)) {
      const before = isObject(old) ? old : {};
      for (const key of Object.keys(value)) {
        const property = node.properties.get(key);
        const inner = property ?? node.entries;
        if (!inner) continue;
        const at = property ? childPath(path, key) : `${path}[${key}]`;
        const was = Object.hasOwn(before, key) ? before[key] : undefined;
        this.node(inner, value[key], was, this.#field(ratchet, key), at);
      }
    }
  }

  #field({ here, above }: Ratchet, key: string): Ratchet {
    if (!here) return { here, above };
    // Both are brought to the same version before anybody looks.
    if (!above && (key === 'apiVersion' || key === 'kind')) return { here: undefined, above: undefined };
    return { here: here.field(key), above: here };
  }

  #items(node: RuleNode, list: readonly unknown[], old: unknown, ratchet: Ratchet, path: string): void {
    const { items, schema } = node;
    if (!items) return;
    const isMap = schema['x-kubernetes-list-type'] === 'map' && Array.isArray(old);
    for (const [i, item] of list.entries()) {
      const was = isMap ? findByKeys(old, item, schema) : undefined;
      const { here } = ratchet;
      const inner = here ? { here: here.item(i), above: here } : ratchet;
      this.node(items, item, was, inner, `${path}[${i}]`);
    }
  }

  #rules(
    { rules, schema, type }: RuleNode,
    value: unknown,
    old: unknown,
    ratchet: Ratchet,
    path: string,
  ): void {
    if (rules.length === 0) return;
    const at = path || NO_PATH;
    const kind = schema.type ?? '';
    const fail = (detail: string): void => void this.errors.push(invalidValue(at, kind, detail));
    if (this.#budget <= 0) {
      fail(OUT_OF_BUDGET);
      this.#budget = -1;
      return;
    }
    const hadValue = old !== undefined && old !== null;
    const self = this.#cel.fromJson(value, type);
    const oldSelf = hadValue ? this.#cel.fromJson(old, type) : undefined;
    for (const rule of rules) {
      if (!rule.program) {
        fail(`rule compile error: ${rule.problem}`);
        continue;
      }
      const optional = rule.rule.optionalOldSelf === true;
      if (rule.usesOldSelf && !hadValue && !optional) continue;
      const bindings: CelBindings = {
        self,
        ...(optional ? { oldSelf: this.#cel.optional(oldSelf) } : oldSelf === undefined ? {} : { oldSelf }),
      };
      const outcome = rule.program.evaluate(bindings, { costLimit: this.#cel.PER_CALL_LIMIT });
      if (outcome.cost > this.#budget) {
        fail(OUT_OF_BUDGET);
        this.#budget = -1;
        return;
      }
      this.#budget -= outcome.cost;
      if ('error' in outcome) {
        fail(errorDetail(outcome.error, rule));
        if (outcome.isOverBudget) {
          this.#budget = -1;
          return;
        }
      } else if (outcome.value !== true) {
        const error = this.#refusal(rule, bindings, value, kind, path);
        if (rule.usesOldSelf || !isPardoned(ratchet)) this.errors.push(error);
        else this.#pardoned(error);
        if (this.#budget < 0) return;
      }
    }
  }

  #refusal(
    compiled: CompiledRule,
    bindings: CelBindings,
    value: unknown,
    kind: string,
    path: string,
  ): FieldError {
    const { rule, fieldPath } = compiled;
    const at = fieldPath ? childPath(path, fieldPath) : path || NO_PATH;
    const message = compiled.message && this.#message(compiled, bindings);
    if (message && 'fatal' in message) {
      this.#budget = -1;
      return invalidValue(at, kind, message.fatal);
    }
    const detail =
      message?.text ?? (rule.message ? rule.message.trim() : `failed rule: ${ruleText(compiled)}`);
    return errorOf(at, value, kind, detail, rule.reason);
  }

  /** What a rule says itself; undefined where its expression comes to nothing, and the message that is written counts. */
  #message(
    { rule, message }: CompiledRule,
    bindings: CelBindings,
  ): { readonly text: string } | { readonly fatal: string } | undefined {
    const outcome = message?.evaluate(bindings, { costLimit: this.#cel.PER_CALL_LIMIT });
    if (!outcome) return undefined;
    if (outcome.cost > this.#budget)
      return {
        fatal:
          'messageExpression evaluation failed due to running out of cost budget, no further validation rules will be run',
      };
    this.#budget -= outcome.cost;
    if ('error' in outcome) {
      if (!outcome.isOverBudget) return undefined;
      const source = JSON.stringify(rule.messageExpression);
      return {
        fatal: `no further validation rules will be run due to call cost exceeds limit for messageExpression: ${source}`,
      };
    }
    const text = typeof outcome.value === 'string' ? outcome.value.trim() : '';
    const fits = text !== '' && !text.includes('\n') && Buffer.byteLength(text) <= MAX_MESSAGE_BYTES;
    return fits ? { text } : undefined;
  }
}

const childPath = (path: string, key: string): string => (path === '' ? key : `${path}.${key}`);

const ruleText = ({ rule }: CompiledRule): string => (rule.message || rule.rule).trim();

function errorDetail(error: string, rule: CompiledRule): string {
  const text = ruleText(rule);
  if (error.startsWith('no such overload'))
    return `'${error}': call arguments did not match a supported operator, function or macro signature for rule: ${text}`;
  if (error.startsWith('operation cancelled'))
    return `'${error}': no further validation rules will be run due to call cost exceeds limit for rule: ${text}`;
  return `${error} evaluating rule: ${text}`;
}

/** Objects and lists are not shown. */
function errorOf(
  field: string,
  value: unknown,
  kind: string,
  detail: string,
  reason: string | undefined,
): FieldError {
  const omits = kind === 'object' || kind === 'array';
  switch (reason) {
    case 'FieldValueForbidden':
      return forbiddenField(field, detail);
    case 'FieldValueRequired':
      return required(field, detail);
    case 'FieldValueDuplicate':
      return {
        reason,
        message: omits ? 'Duplicate value' : `Duplicate value: ${JSON.stringify(value)}`,
        field,
      };
    default:
      return omits
        ? { reason: 'FieldValueInvalid', message: `Invalid value: ${detail}`, field }
        : invalidValue(field, value, detail);
  }
}
