import type { FieldError } from '#proto/meta/field-error.ts';
import { duplicate, invalidValue, notSupported, required, tooMany } from '#proto/meta/field-error.ts';
import type {
  JobSpec,
  PodFailurePolicyOnExitCodesRequirement,
  PodFailurePolicyRule,
  SuccessPolicyRule,
} from '#proto/schema/generated/batch-v1.ts';
import { oneOf } from '#server/registry/validation/field-checks.ts';

const MAX_RULES = 20;
const MAX_EXIT_CODES = 255;
const MAX_CONDITIONS = 20;

/** Rules on failed pods. Rule: upstream's `validatePodFailurePolicy`. */
export function validateFailurePolicy(spec: JobSpec, path: string): FieldError[] {
  const rules = spec.podFailurePolicy?.rules ?? [];
  if (!spec.podFailurePolicy) return [];
  const errors =
    rules.length > MAX_RULES ? [tooMany(`${path}.podFailurePolicy.rules`, rules.length, MAX_RULES)] : [];
  for (const [i, rule] of rules.entries()) {
    errors.push(...validateRule(spec, rule, `${path}.podFailurePolicy.rules[${i}]`));
  }
  if (spec.podReplacementPolicy !== 'Failed') {
    errors.push(notSupported(`${path}.podReplacementPolicy`, spec.podReplacementPolicy, ['Failed']));
  }
  return errors;
}

function validateRule(spec: JobSpec, rule: PodFailurePolicyRule, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (!rule.action) {
    errors.push(required(`${path}.action`, 'valid values: ["Count" "FailIndex" "FailJob" "Ignore"]'));
  } else if (rule.action === 'FailIndex' && spec.backoffLimitPerIndex === undefined) {
    errors.push(invalidValue(`${path}.action`, rule.action, 'requires the backoffLimitPerIndex to be set'));
  } else errors.push(...oneOf(`${path}.action`, rule.action, ['Count', 'FailIndex', 'FailJob', 'Ignore']));
  const { onExitCodes, onPodConditions = [] } = rule;
  if (onExitCodes) errors.push(...validateExitCodes(spec, onExitCodes, `${path}.onExitCodes`));
  if (onPodConditions.length > MAX_CONDITIONS) {
    errors.push(tooMany(`${path}.onPodConditions`, onPodConditions.length, MAX_CONDITIONS));
  }
  for (const [i, { type, status }] of onPodConditions.entries()) {
    const at = `${path}.onPodConditions[${i}]`;
    if (!type) errors.push(required(`${at}.type`));
    errors.push(...oneOf(`${at}.status`, status, ['False', 'True', 'Unknown']));
  }
  if (onExitCodes && onPodConditions.length > 0) {
    const detail = 'specifying both OnExitCodes and OnPodConditions is not supported';
    errors.push(invalidValue(path, undefined, detail));
  }
  if (!onExitCodes && onPodConditions.length === 0) {
    const detail = 'specifying one of OnExitCodes and OnPodConditions is required';
    errors.push(invalidValue(path, undefined, detail));
  }
  return errors;
}

function validateExitCodes(
  spec: JobSpec,
  { operator, containerName, values }: PodFailurePolicyOnExitCodesRequirement,
  path: string,
): FieldError[] {
  const errors = oneOf(`${path}.operator`, operator, ['In', 'NotIn']);
  const { containers = [], initContainers = [] } = spec.template.spec ?? {};
  const isKnown = [...containers, ...initContainers].some(({ name }) => name === containerName);
  if (containerName !== undefined && !isKnown) {
    const detail = 'must be one of the container or initContainer names in the pod template';
    errors.push(invalidValue(`${path}.containerName`, containerName, detail));
  }
  if (values.length === 0) {
    errors.push(invalidValue(`${path}.values`, values, 'at least one value is required'));
  }
  if (values.length > MAX_EXIT_CODES) {
    errors.push(tooMany(`${path}.values`, values.length, MAX_EXIT_CODES));
  }
  const seen = new Set<number>();
  let isOrdered = true;
  for (const [i, value] of values.entries()) {
    const at = `${path}.values[${i}]`;
    if (operator === 'In' && value === 0) {
      errors.push(invalidValue(at, value, 'must not be 0 for the In operator'));
    }
    if (seen.has(value)) errors.push(duplicate(at, value));
    seen.add(value);
    if (i > 0 && value < (values[i - 1] ?? 0)) isOrdered = false;
  }
  if (!isOrdered) errors.push(invalidValue(`${path}.values`, values, 'must be ordered'));
  return errors;
}

/** When an Indexed Job may end early. Rule: upstream's `validateSuccessPolicy`. */
export function validateSuccessPolicy(spec: JobSpec, path: string): FieldError[] {
  if (!spec.successPolicy) return [];
  const rules = spec.successPolicy.rules ?? [];
  const at = `${path}.successPolicy.rules`;
  if (rules.length === 0) {
    return [required(at, 'at least one rules must be specified when the successPolicy is specified')];
  }
  return [
    ...(rules.length > MAX_RULES ? [tooMany(at, rules.length, MAX_RULES)] : []),
    ...rules.flatMap((rule, i) => validateSuccessRule(spec.completions ?? 0, rule, `${at}[${i}]`)),
  ];
}

function validateSuccessRule(
  completions: number,
  { succeededIndexes, succeededCount }: SuccessPolicyRule,
  path: string,
): FieldError[] {
  if (succeededIndexes === undefined && succeededCount === undefined) {
    return [required(path, 'at least one of succeededCount or succeededIndexes must be specified')];
  }
  const errors: FieldError[] = [];
  let most = completions;
  if (succeededIndexes !== undefined) {
    const { count, problem } = countIndexes(succeededIndexes, completions);
    most = count;
    if (problem !== undefined) {
      const detail = `error parsing succeededIndexes: ${problem}`;
      errors.push(invalidValue(`${path}.succeededIndexes`, succeededIndexes, detail));
      return errors;
    }
  }
  if (succeededCount === undefined) return errors;
  const at = `${path}.succeededCount`;
  if (succeededCount < 1) errors.push(invalidValue(at, succeededCount, 'must be greater than 0'));
  else if (succeededCount > most) {
    const which =
      succeededIndexes === undefined
        ? 'the number of specified completions'
        : 'the number of indexes in the specified succeededIndexes field';
    errors.push(invalidValue(at, succeededCount, `must be less than or equal to ${most} (${which})`));
  }
  return errors;
}

/** `1,3-5,7`, in order and below `completions`. */
function countIndexes(text: string, completions: number): { count: number; problem?: string } {
  let count = 0;
  let last = -1;
  if (text === '') return { count };
  for (const part of text.split(',')) {
    const match = /^(\d+)(?:-(\d+))?$/.exec(part);
    const bad = (why: string): { count: number; problem: string } => ({ count, problem: why });
    if (!match) return bad(`the fraction ${JSON.stringify(part)} isn't an index or an interval of indexes`);
    const [from, to] = [Number(match[1]), Number(match[2] ?? match[1])];
    if (to >= completions) return bad('too large index');
    if (from <= last || (match[2] !== undefined && to <= from)) {
      return bad(`non-increasing order, previous: ${last}, current: ${from <= last ? from : to}`);
    }
    count += to - from + 1;
    last = to;
  }
  return { count };
}
