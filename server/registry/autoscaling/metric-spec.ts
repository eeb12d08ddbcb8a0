import {
  type FieldError,
  forbiddenField,
  invalidValue,
  notSupported,
  required,
} from '#proto/meta/field-error.ts';
import { compareQuantities } from '#proto/meta/quantity.ts';
import type {
  CrossVersionObjectReference,
  MetricIdentifier,
  MetricSpec,
  MetricTarget,
} from '#proto/schema/generated/autoscaling-v2.ts';
import { named, problemsAt } from '#server/registry/validation/field-checks.ts';
import { pathSegmentProblems } from '#server/registry/validation/names.ts';

const FIELDS = ['object', 'external', 'pods', 'resource', 'containerResource'] as const;
type Source = (typeof FIELDS)[number];

const FIELD_OF_TYPE = new Map<string, Source>([
  ['ContainerResource', 'containerResource'],
  ['External', 'external'],
  ['Object', 'object'],
  ['Pods', 'pods'],
  ['Resource', 'resource'],
]);
const TARGET_TYPES = ['Utilization', 'Value', 'AverageValue'];

/** One metric of a HorizontalPodAutoscaler. Rule: upstream's `validateMetricSpec`. */
export function validateMetric(metric: MetricSpec, path: string): FieldError[] {
  const { type = '' } = metric;
  const expected = FIELD_OF_TYPE.get(type);
  const present = FIELDS.filter((field) => metric[field]);
  const errors: FieldError[] = [];
  if (!type) errors.push(required(`${path}.type`, 'must specify a metric source type'));
  if (!expected) errors.push(notSupported(`${path}.type`, type, [...FIELD_OF_TYPE.keys()]));
  // Of several sources only the first is looked at.
  if (present[0]) errors.push(...validateSource(metric, present[0], `${path}.${present[0]}`));
  if (expected && !metric[expected]) {
    errors.push(required(`${path}.${expected}`, 'must populate information for the given metric source'));
  }
  if (present.length > 1) {
    for (const field of present.filter((other) => other !== expected)) {
      errors.push(forbiddenField(`${path}.${field}`, 'must populate the given metric source only'));
    }
  }
  return errors;
}

function validateSource(metric: MetricSpec, field: Source, path: string): FieldError[] {
  switch (field) {
    case 'object':
      return validateObject(metric.object, path);
    case 'external':
      return validateExternal(metric.external, path);
    case 'pods':
      return validatePods(metric.pods, path);
    default:
      return validateResource(metric[field], field === 'containerResource', path);
  }
}

function validateObject(source: MetricSpec['object'], path: string): FieldError[] {
  const errors = [
    ...validateReference(source?.describedObject, `${path}.describedObject`),
    ...validateIdentifier(source?.metric, `${path}.metric`),
    ...validateTarget(source?.target, `${path}.target`),
  ];
  const { value, averageValue } = source?.target ?? {};
  if (value === undefined && averageValue === undefined) {
    errors.push(required(`${path}.target.averageValue`, 'must set either a target value or averageValue'));
  }
  return errors;
}

function validateExternal(source: MetricSpec['external'], path: string): FieldError[] {
  const errors = [
    ...validateIdentifier(source?.metric, `${path}.metric`),
    ...validateTarget(source?.target, `${path}.target`),
  ];
  const { value, averageValue } = source?.target ?? {};
  if (value === undefined && averageValue === undefined) {
    const detail = 'must set either a target value for metric or a per-pod target';
    errors.push(required(`${path}.target.averageValue`, detail));
  }
  if (value !== undefined && averageValue !== undefined) {
    const detail = 'may not set both a target value for metric and a per-pod target';
    errors.push(forbiddenField(`${path}.target.value`, detail));
  }
  return errors;
}

function validatePods(source: MetricSpec['pods'], path: string): FieldError[] {
  const errors = [
    ...validateIdentifier(source?.metric, `${path}.metric`),
    ...validateTarget(source?.target, `${path}.target`),
  ];
  const average = source?.target?.averageValue;
  if (average === undefined || !isPositive(average)) {
    errors.push(required(`${path}.target.averageValue`, 'must specify a positive target averageValue'));
  }
  return errors;
}

function validateResource(
  source: { name?: string; container?: string; target?: MetricTarget } | undefined,
  ofContainer: boolean,
  path: string,
): FieldError[] {
  const errors: FieldError[] = [];
  if (!source?.name) errors.push(required(`${path}.name`, 'must specify a resource name'));
  if (ofContainer && !source?.container) {
    errors.push(required(`${path}.container`, 'must specify a container'));
  }
  errors.push(...validateTarget(source?.target, `${path}.target`));
  const { averageUtilization, averageValue } = source?.target ?? {};
  if (averageUtilization === undefined && averageValue === undefined) {
    const detail = 'must set either a target raw value or a target utilization';
    errors.push(required(`${path}.target.averageUtilization`, detail));
  }
  if (averageUtilization !== undefined && averageValue !== undefined) {
    const detail = 'may not set both a target raw value and a target utilization';
    errors.push(forbiddenField(`${path}.target.averageValue`, detail));
  }
  return errors;
}

function validateTarget(target: Partial<MetricTarget> = {}, path: string): FieldError[] {
  const { type = '', value, averageValue, averageUtilization } = target;
  const errors: FieldError[] = [];
  if (!type) errors.push(required(`${path}.type`, 'must specify a metric target type'));
  if (!TARGET_TYPES.includes(type)) {
    errors.push(invalidValue(`${path}.type`, type, 'must be either Utilization, Value, or AverageValue'));
  }
  if (value !== undefined && !isPositive(value)) {
    errors.push(invalidValue(`${path}.value`, value, 'must be positive'));
  }
  if (averageValue !== undefined && !isPositive(averageValue)) {
    errors.push(invalidValue(`${path}.averageValue`, averageValue, 'must be positive'));
  }
  if (averageUtilization !== undefined && averageUtilization < 1) {
    errors.push(invalidValue(`${path}.averageUtilization`, averageUtilization, 'must be greater than 0'));
  }
  return errors;
}

const validateIdentifier = (metric: MetricIdentifier | undefined, path: string): FieldError[] =>
  named(`${path}.name`, metric?.name, pathSegmentProblems, 'must specify a metric name');

/** Kind and name of what an autoscaler refers to. */
export const validateReference = (
  reference: CrossVersionObjectReference | undefined,
  path: string,
): FieldError[] => [
  ...named(`${path}.kind`, reference?.kind, pathSegmentProblems),
  ...named(`${path}.name`, reference?.name, pathSegmentProblems),
];

/** What is scaled belongs to a group; only ReplicationControllers are older than groups. */
export function validateScaledVersion(
  { apiVersion = '', kind }: Partial<CrossVersionObjectReference> = {},
  path: string,
): FieldError[] {
  const parts = apiVersion.split('/');
  if (parts.length > 2) {
    return problemsAt(path, apiVersion, [`unexpected GroupVersion string: ${apiVersion}`]);
  }
  if (parts.length === 2 || kind === 'ReplicationController') return [];
  return [invalidValue(path, apiVersion, 'apiVersion must specify API group')];
}

const isPositive = (quantity: string): boolean => compareQuantities(`${quantity}`, '0') > 0;
