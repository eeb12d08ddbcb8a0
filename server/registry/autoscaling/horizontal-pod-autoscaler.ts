import { type FieldError, forbiddenField, invalidValue, required } from '#proto/meta/field-error.ts';
import { compareQuantities } from '#proto/meta/quantity.ts';
import type {
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerSpec,
  HPAScalingRules,
} from '#proto/schema/generated/autoscaling-v2.ts';
import {
  validateMetric,
  validateReference,
  validateScaledVersion,
} from '#server/registry/autoscaling/metric-spec.ts';
import type { Strategy } from '#server/registry/strategy.ts';
import { eachAt, NON_NEGATIVE, oneOf } from '#server/registry/validation/field-checks.ts';

const MAX_PERIOD_SECONDS = 1800;
const MAX_WINDOW_SECONDS = 3600;

/** HorizontalPodAutoscalers, in the shape of autoscaling/v2. */
export const horizontalPodAutoscaler: Strategy<HorizontalPodAutoscaler> = {
  generation: false,
  applyDefaults: (object) => {
    object.spec ??= { scaleTargetRef: { apiVersion: 'apps/v1', kind: '', name: '' }, maxReplicas: 0 };
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
  if (maxReplicas < 1) errors.push(required('spec.maxReplicas', 'must be set and greater than 0'));
  if (maxReplicas < minReplicas) {
    errors.push(
      invalidValue('spec.maxReplicas', maxReplicas, 'must be greater than or equal to `minReplicas`'),
    );
  }
  return [
    ...errors,
    ...validateReference(scaleTargetRef, 'spec.scaleTargetRef'),
    ...validateScaledVersion(scaleTargetRef, 'spec.scaleTargetRef.apiVersion'),
    ...eachAt(spec.metrics, 'spec.metrics', validateMetric),
    ...validateScaleToZero(spec),
    ...validateRules(spec.behavior?.scaleUp, 'spec.behavior.scaleUp'),
    ...validateRules(spec.behavior?.scaleDown, 'spec.behavior.scaleDown'),
  ];
}

/** With no Pods there are no metrics of Pods to scale up by. */
function validateScaleToZero({ minReplicas, metrics }: HorizontalPodAutoscalerSpec): FieldError[] {
  if (minReplicas !== 0) return [];
  if ((metrics ?? []).some(({ type }) => type === 'Object' || type === 'External')) return [];
  const detail = 'must specify at least one Object or External metric to support scaling to zero replicas';
  return [forbiddenField('spec.metrics', detail)];
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
  errors.push(...oneOf(`${path}.selectPolicy`, rules.selectPolicy, ['Disabled', 'Max', 'Min']));
  if (!rules.policies?.length) errors.push(required(`${path}.policies`, 'must specify at least one Policy'));
  return [
    ...errors,
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
    ...(rules.tolerance !== undefined && compareQuantities(`${rules.tolerance}`, '0') < 0
      ? [invalidValue(`${path}.tolerance`, rules.tolerance, NON_NEGATIVE)]
      : []),
  ];
}
