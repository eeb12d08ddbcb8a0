import {
  type FieldError,
  forbiddenField,
  invalidValue,
  notSupported,
  required,
} from '#proto/meta/field-error.ts';
import type { Deployment, DeploymentSpec, DeploymentStrategy } from '#proto/schema/generated/apps-v1.ts';
import { validateWorkload } from '#server/registry/apps/workload.ts';
import { applyTemplateDefaults } from '#server/registry/core/pod-defaults.ts';
import type { Strategy } from '#server/registry/strategy.ts';
import { immutable, nonNegative } from '#server/registry/validation/field-checks.ts';
import {
  amountOf,
  isNotMoreThan100Percent,
  validateIntOrPercent,
} from '#server/registry/validation/int-or-percent.ts';

const QUARTER = '25%';

/** Deployments. Rule: upstream's `pkg/registry/apps/deployment/strategy.go`. */
export const deployment: Strategy<Deployment> = {
  applyDefaults: (object) => {
    object.spec ??= { template: {} };
    const { spec } = object;
    spec.template ??= {};
    applyTemplateDefaults(spec.template);
    spec.replicas ??= 1;
    spec.revisionHistoryLimit ??= 10;
    spec.progressDeadlineSeconds ??= 600;
    spec.strategy ??= {};
    spec.strategy.type ||= 'RollingUpdate';
    if (spec.strategy.type !== 'RollingUpdate') return;
    spec.strategy.rollingUpdate ??= {};
    spec.strategy.rollingUpdate.maxUnavailable ??= QUARTER;
    spec.strategy.rollingUpdate.maxSurge ??= QUARTER;
  },
  validate: ({ spec }, { subresource }) =>
    subresource === 'status'
      ? []
      : [
          ...nonNegative('spec.replicas', spec.replicas),
          ...validateWorkload(spec, { inSelector: 'deployment', inTemplate: 'ReplicaSet' }),
          ...validateRollout(spec.strategy ?? {}, 'spec.strategy'),
          ...nonNegative('spec.minReadySeconds', spec.minReadySeconds),
          ...nonNegative('spec.revisionHistoryLimit', spec.revisionHistoryLimit),
          ...validateProgressDeadline(spec),
        ],
  validateUpdate: (object, old, { subresource }) =>
    subresource ? [] : immutable('spec.selector', object.spec.selector, old.spec.selector),
};

function validateRollout(strategy: DeploymentStrategy, path: string): FieldError[] {
  const { type, rollingUpdate } = strategy;
  const at = `${path}.rollingUpdate`;
  if (type === 'Recreate') {
    if (!rollingUpdate) return [];
    return [forbiddenField(at, "may not be specified when strategy `type` is 'Recreate'")];
  }
  if (type !== 'RollingUpdate') return [notSupported(path, strategy, ['Recreate', 'RollingUpdate'])];
  if (!rollingUpdate) return [required(at, 'this should be defaulted and never be nil')];
  const { maxUnavailable, maxSurge } = rollingUpdate;
  const errors = [
    ...validateIntOrPercent(maxUnavailable, `${at}.maxUnavailable`),
    ...validateIntOrPercent(maxSurge, `${at}.maxSurge`),
  ];
  if (amountOf(maxUnavailable) === 0 && amountOf(maxSurge) === 0) {
    const detail = 'may not be 0 when `maxSurge` is 0';
    errors.push(invalidValue(`${at}.maxUnavailable`, maxUnavailable, detail));
  }
  return [...errors, ...isNotMoreThan100Percent(maxUnavailable, `${at}.maxUnavailable`)];
}

function validateProgressDeadline(spec: DeploymentSpec): FieldError[] {
  const seconds = spec.progressDeadlineSeconds;
  const path = 'spec.progressDeadlineSeconds';
  if (seconds === undefined) return [];
  const errors = nonNegative(path, seconds);
  if (seconds <= (spec.minReadySeconds ?? 0)) {
    errors.push(invalidValue(path, seconds, 'must be greater than minReadySeconds'));
  }
  return errors;
}
