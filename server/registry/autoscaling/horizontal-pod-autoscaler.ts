import {
  type FieldError,
  forbiddenField,
  invalidValue,
  notSupported,
  required,
} from '#proto/meta/field-error.ts';
import type {
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerSpec,
  HPAScalingRules,
  MetricSpec,
} from '#proto/schema/generated/autoscaling-v2.ts';
import type { Strategy } from '#server/registry/strategy.ts';
import { eachAt, named, oneOf } from '#server/registry/validation/field-checks.ts';
import { pathSegmentProblems } from '#server/registry/validation/names.ts';

const METRICS: Readonly<Record<string, keyof MetricSpec>> = {
  ContainerResource: 'containerResource',
  External: 'external',
  Object: 'object',
  Pods: 'pods',
  Resource: 'resource',
};
const MAX_PERIOD_SECONDS = 1800;
const MAX_WINDOW_SECONDS = 3600;

/** HorizontalPodAutoscalers, in the shape of autoscaling/v2. */
export const horizontalPodAutoscaler: Strategy<HorizontalPodAutoscaler> = {
  generation: false,
  applyDefaults: (object) => {
    object.spec ??= { scaleTargetRef: { kind: '', name: '' }, maxReplicas: 0 };
    const { spec } = object;
    spec.minReplicas ??= 1;
    if (!spec.metrics?.length) {
      const target = { type: 'Utilization', averageUtilization: 80 };
      spec.metrics = [{ type: 'Resource', resource: { name: 'cpu', target } }];
    }
    const { behavior } = spec;
    if (!behavior) return;
    behavior.scaleUp = { ...SCALE_UP(), ...defined(behavior.scaleUp) };
    behavior.scaleDown = { ...SCALE_DOWN(), ...defined(behavior.scaleDown) };
  },
  prepareForCreate: (object) => {
    object.status = { desiredReplicas: 0, currentMetrics: [] };
  },
  validate: ({ spec }, { subresource }) => (subresource ? [] : validateSpec(spec)),
};

const SCALE_UP = (): HPAScalingRules => ({
  stabilizationWindowSeconds: 0,
  selectPolicy: 'Max',
  policies: [
    { type: 'Pods', value: 4, periodSeconds: 15 },
    { type: 'Percent', value: 100, periodSeconds: 15 },
  ],
});

const SCALE_DOWN = (): HPAScalingRules => ({
  selectPolicy: 'Max',
  policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }],
});

const defined = (rules: HPAScalingRules | undefined): HPAScalingRules =>
  Object.fromEntries(Object.entries(rules ?? {}).filter(([, value]) => value !== undefined));

function validateSpec(spec: HorizontalPodAutoscalerSpec): FieldError[] {
  const { minReplicas = 1, maxReplicas = 0, scaleTargetRef } = spec;
  const errors: FieldError[] = [];
  if (minReplicas < 1) {
    errors.push(invalidValue('spec.minReplicas', minReplicas, 'must be greater than or equal to 1'));
  }
  if (maxReplicas < 1) errors.push(invalidValue('spec.maxReplicas', maxReplicas, 'must be greater than 0'));
  if (maxReplicas < minReplicas) {
    errors.push(
      invalidValue('spec.maxReplicas', maxReplicas, 'must be greater than or equal to `minReplicas`'),
    );
  }
  return [
    ...errors,
    ...named('spec.scaleTargetRef.kind', scaleTargetRef?.kind, pathSegmentProblems),
    ...named('spec.scaleTargetRef.name', scaleTargetRef?.name, pathSegmentProblems),
    ...eachAt(spec.metrics, 'spec.metrics', validateMetric),
    ...validateRules(spec.behavior?.scaleUp, 'spec.behavior.scaleUp'),
    ...validateRules(spec.behavior?.scaleDown, 'spec.behavior.scaleDown'),
  ];
}

function validateMetric(metric: MetricSpec, path: string): FieldError[] {
  if (!metric.type) return [required(`${path}.type`, 'must specify a metric source type')];
  const field = METRICS[metric.type];
  if (!field) return [notSupported(`${path}.type`, metric.type, Object.keys(METRICS))];
  const errors: FieldError[] = [];
  if (!metric[field]) {
    const detail = 'must populate information for the given metric source';
    errors.push(required(`${path}.${field}`, detail));
  }
  for (const other of Object.values(METRICS)) {
    if (other !== field && metric[other]) {
      errors.push(forbiddenField(`${path}.${other}`, 'must populate the given metric source only'));
    }
  }
  const resource = metric.resource ?? metric.containerResource;
  if (!resource) return errors;
  const { averageUtilization: utilization, averageValue } = resource.target ?? {};
  if (!resource.name) errors.push(required(`${path}.${field}.name`, 'must specify a resource name'));
  if (utilization === undefined && averageValue === undefined) {
    const detail = 'must set either a target raw value or a target utilization';
    errors.push(required(`${path}.${field}.target.averageUtilization`, detail));
  }
  if (utilization !== undefined && utilization < 1) {
    const at = `${path}.${field}.target.averageUtilization`;
    errors.push(invalidValue(at, utilization, 'must be greater than 0'));
  }
  return errors;
}

function validateRules(rules: HPAScalingRules | undefined, path: string): FieldError[] {
  if (!rules) return [];
  const errors: FieldError[] = [];
  const window = rules.stabilizationWindowSeconds;
  if (window !== undefined && (window < 0 || window > MAX_WINDOW_SECONDS)) {
    const detail =
      window < 0
        ? 'must be greater than or equal to zero'
        : `must be less than or equal to ${MAX_WINDOW_SECONDS}`;
    errors.push(invalidValue(`${path}.stabilizationWindowSeconds`, window, detail));
  }
  if (!rules.policies?.length) errors.push(required(`${path}.policies`, 'must specify at least one Policy'));
  return [
    ...errors,
    ...oneOf(`${path}.selectPolicy`, rules.selectPolicy, ['Disabled', 'Max', 'Min']),
    ...eachAt(rules.policies, `${path}.policies`, ({ type, value, periodSeconds }, at) => {
      const problems = oneOf(`${at}.type`, type, ['Percent', 'Pods']);
      if (!(value > 0)) problems.push(invalidValue(`${at}.value`, value ?? 0, 'must be greater than zero'));
      if (!(periodSeconds > 0)) {
        problems.push(invalidValue(`${at}.periodSeconds`, periodSeconds ?? 0, 'must be greater than zero'));
      } else if (periodSeconds > MAX_PERIOD_SECONDS) {
        const detail = `must be less than or equal to ${MAX_PERIOD_SECONDS}`;
        problems.push(invalidValue(`${at}.periodSeconds`, periodSeconds, detail));
      }
      return problems;
    }),
  ];
}
