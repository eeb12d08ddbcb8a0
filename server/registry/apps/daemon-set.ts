import { type FieldError, invalidValue, notSupportedInOrder, required } from '#proto/meta/field-error.ts';
import type { DaemonSet, DaemonSetUpdateStrategy } from '#proto/schema/generated/apps-v1.ts';
import { validateWorkload } from '#server/registry/apps/workload.ts';
import { applyTemplateDefaults } from '#server/registry/core/pod-defaults.ts';
import type { Strategy } from '#server/registry/strategy.ts';
import { immutable, isSame, nonNegative } from '#server/registry/validation/field-checks.ts';
import {
  amountOf,
  isNotMoreThan100Percent,
  validateIntOrPercent,
} from '#server/registry/validation/int-or-percent.ts';

const GENERATION = 'deprecated.daemonset.template.generation';

/** DaemonSets. Rule: upstream's `pkg/registry/apps/daemonset/strategy.go`. */
export const daemonSet: Strategy<DaemonSet> = {
  applyDefaults: (object) => {
    object.spec ??= { template: {} };
    const { spec } = object;
    spec.template ??= {};
    applyTemplateDefaults(spec.template);
    spec.revisionHistoryLimit ??= 10;
    spec.updateStrategy ??= {};
    spec.updateStrategy.type ||= 'RollingUpdate';
    if (spec.updateStrategy.type !== 'RollingUpdate') return;
    spec.updateStrategy.rollingUpdate ??= {};
    spec.updateStrategy.rollingUpdate.maxUnavailable ??= 1;
    spec.updateStrategy.rollingUpdate.maxSurge ??= 0;
  },
  prepareForCreate: (object) => setTemplateGeneration(object, 1),
  prepareForUpdate: (object, old, { subresource }) => {
    if (subresource) return;
    const before = Number(old.metadata.annotations?.[GENERATION] ?? 1);
    setTemplateGeneration(object, isSame(object.spec.template, old.spec.template) ? before : before + 1);
  },
  validate: ({ spec }, { subresource }) =>
    subresource === 'status'
      ? []
      : [
          ...validateWorkload(spec, { inSelector: 'daemonset', inTemplate: 'DaemonSet' }),
          ...nonNegative('spec.minReadySeconds', spec.minReadySeconds),
          ...validateUpdateStrategy(spec.updateStrategy ?? {}, 'spec.updateStrategy'),
          ...nonNegative('spec.revisionHistoryLimit', spec.revisionHistoryLimit),
        ],
  validateUpdate: (object, old, { subresource }) =>
    subresource ? [] : immutable('spec.selector', object.spec.selector, old.spec.selector),
};

function setTemplateGeneration(object: DaemonSet, generation: number): void {
  object.metadata.annotations = { ...object.metadata.annotations, [GENERATION]: `${generation}` };
}

function validateUpdateStrategy(strategy: DaemonSetUpdateStrategy, path: string): FieldError[] {
  if (strategy.type === 'OnDelete') return [];
  if (strategy.type !== 'RollingUpdate')
    return [notSupportedInOrder(path, strategy, ['RollingUpdate', 'OnDelete'])];
  const at = `${path}.rollingUpdate`;
  if (!strategy.rollingUpdate) return [required(at)];
  const { maxUnavailable, maxSurge } = strategy.rollingUpdate;
  const errors = [
    ...validateIntOrPercent(maxUnavailable, `${at}.maxUnavailable`),
    ...validateIntOrPercent(maxSurge, `${at}.maxSurge`),
    ...isNotMoreThan100Percent(maxUnavailable, `${at}.maxUnavailable`),
    ...isNotMoreThan100Percent(maxSurge, `${at}.maxSurge`),
  ];
  const hasUnavailable = amountOf(maxUnavailable) !== 0;
  const hasSurge = amountOf(maxSurge) !== 0;
  if (hasUnavailable && hasSurge) {
    errors.push(invalidValue(`${at}.maxSurge`, maxSurge, 'may not be set when maxUnavailable is non-zero'));
  }
  if (!hasUnavailable && !hasSurge) {
    errors.push(required(`${at}.maxUnavailable`, 'cannot be 0 when maxSurge is 0'));
  }
  return errors;
}
