import { type FieldError, invalidValue, notSupported, required, tooLong } from '#proto/meta/field-error.ts';
import type { Job, JobSpec } from '#proto/schema/generated/batch-v1.ts';
import { validateFailurePolicy, validateSuccessPolicy } from '#server/registry/batch/job-policies.ts';
import { applyTemplateDefaults } from '#server/registry/core/pod-defaults.ts';
import type { Strategy } from '#server/registry/strategy.ts';
import {
  immutable,
  isSame,
  nonNegative,
  oneOfOptional,
  problemsAt,
} from '#server/registry/validation/field-checks.ts';
import { domainPrefixedPathProblems } from '#server/registry/validation/names.ts';
import { validatePodTemplate } from '#server/registry/validation/pod/pod-spec.ts';
import { validateLabelSelector, validateTemplateLabels } from '#server/registry/validation/selectors.ts';

const UID = 'controller-uid';
const JOB_NAME = 'job-name';
const PREFIX = 'batch.kubernetes.io/';
const MAX_INT32 = 2 ** 31 - 1;
const MAX_PARALLELISM = 100_000;

/** Jobs. Rule: upstream's `pkg/registry/batch/job/strategy.go`. */
export const job: Strategy<Job> = {
  applyDefaults: (object) => {
    object.spec ??= { template: {} };
    applyJobSpecDefaults(object.spec);
    labelAsTemplate(object);
  },
  prepareForCreate: (object) => {
    generateSelector(object);
    labelAsTemplate(object);
  },
  validate: (object, { subresource }) =>
    subresource === 'status'
      ? []
      : [
          ...validateGeneratedSelector(object),
          ...validateJobSpec(object.spec, 'spec'),
          ...validateSelector(object.spec),
        ],
  validateUpdate: (object, old, { subresource }) => (subresource ? [] : validateSpecUpdate(object.spec, old)),
};

/** Defaults that a Job and a CronJob's template share. */
export function applyJobSpecDefaults(spec: JobSpec): void {
  spec.template ??= {};
  applyTemplateDefaults(spec.template);
  if (spec.completions === undefined && spec.parallelism === undefined) spec.completions = 1;
  spec.parallelism ??= 1;
  spec.backoffLimit ??= spec.backoffLimitPerIndex === undefined ? 6 : MAX_INT32;
  spec.completionMode ??= 'NonIndexed';
  spec.suspend ??= false;
  spec.podReplacementPolicy ??= spec.podFailurePolicy ? 'Failed' : 'TerminatingOrFailed';
  spec.manualSelector ??= false;
  for (const rule of spec.podFailurePolicy?.rules ?? []) {
    for (const pattern of rule.onPodConditions ?? []) pattern.status ||= 'True';
  }
}

function labelAsTemplate({ metadata, spec }: Job): void {
  const labels = spec.template.metadata?.labels;
  if (labels && Object.keys(metadata.labels ?? {}).length === 0) metadata.labels = { ...labels };
}

/** Pods are found by the uid of their Job, so that no two Jobs of a name ever share them. */
function generateSelector(object: Job): void {
  const { spec, metadata } = object;
  if (spec.manualSelector || !metadata.uid) return;
  const uid = metadata.uid;
  spec.template.metadata ??= {};
  spec.template.metadata.labels = {
    ...spec.template.metadata.labels,
    [PREFIX + UID]: uid,
    [UID]: uid,
    [PREFIX + JOB_NAME]: metadata.name ?? '',
    [JOB_NAME]: metadata.name ?? '',
  };
  spec.selector ??= {};
  spec.selector.matchLabels = { ...spec.selector.matchLabels, [PREFIX + UID]: uid };
}

/** Older Jobs have the label without prefix. */
function isGenerated(selector: JobSpec['selector'], uid: string | undefined): boolean {
  if (!selector) return true;
  const [label, ...others] = Object.entries(selector.matchLabels ?? {});
  if (!label || others.length > 0 || selector.matchExpressions?.length) return false;
  return (label[0] === PREFIX + UID || label[0] === UID) && label[1] === uid;
}

function validateGeneratedSelector({ spec, metadata }: Job): FieldError[] {
  if (spec.manualSelector) return [];
  const labels = spec.template.metadata?.labels ?? {};
  const path = 'spec.template.metadata.labels';
  const errors: FieldError[] = [];
  for (const [key, value] of [
    [UID, metadata.uid],
    [PREFIX + UID, metadata.uid],
    [JOB_NAME, metadata.name],
    [PREFIX + JOB_NAME, metadata.name],
  ] as const) {
    if (labels[key] === undefined) errors.push(required(`${path}.${key}`));
    else if (labels[key] !== value) errors.push(invalidValue(path, labels, `must be '${value}'`));
  }
  if (!isGenerated(spec.selector, metadata.uid)) {
    errors.push(invalidValue('spec.selector', spec.selector, '`selector` not auto-generated'));
  }
  return errors;
}

/** What a Job's spec must be; the selector is checked apart, since templates of CronJobs have none. */
export function validateJobSpec(spec: JobSpec, path: string): FieldError[] {
  return [
    ...nonNegative(`${path}.parallelism`, spec.parallelism),
    ...nonNegative(`${path}.completions`, spec.completions),
    ...nonNegative(`${path}.activeDeadlineSeconds`, spec.activeDeadlineSeconds),
    ...nonNegative(`${path}.backoffLimit`, spec.backoffLimit),
    ...nonNegative(`${path}.ttlSecondsAfterFinished`, spec.ttlSecondsAfterFinished),
    ...nonNegative(`${path}.backoffLimitPerIndex`, spec.backoffLimitPerIndex),
    ...nonNegative(`${path}.maxFailedIndexes`, spec.maxFailedIndexes),
    ...(spec.maxFailedIndexes !== undefined && spec.backoffLimitPerIndex === undefined
      ? [required(`${path}.backoffLimitPerIndex`, 'when maxFailedIndexes is specified')]
      : []),
    ...oneOfOptional(`${path}.completionMode`, spec.completionMode, ['NonIndexed', 'Indexed'], true),
    ...(spec.completionMode === 'Indexed' ? validateIndexed(spec, path) : validateNonIndexed(spec, path)),
    ...oneOfOptional(`${path}.podReplacementPolicy`, spec.podReplacementPolicy, [
      'Failed',
      'TerminatingOrFailed',
    ]),
    ...validateManager(spec.managedBy, `${path}.managedBy`),
    ...validateFailurePolicy(spec, path),
    ...(spec.completionMode === 'Indexed' ? validateSuccessPolicy(spec, path) : []),
    ...validatePodTemplate(spec.template, `${path}.template`),
    ...validateRestartPolicy(spec, `${path}.template.spec.restartPolicy`),
  ];
}

const MAX_MANAGER = 63;

function validateManager(manager: string | undefined, path: string): FieldError[] {
  if (manager === undefined) return [];
  const errors = problemsAt(path, manager, domainPrefixedPathProblems(manager));
  return manager.length > MAX_MANAGER ? [...errors, tooLong(path, MAX_MANAGER)] : errors;
}

function validateIndexed(spec: JobSpec, path: string): FieldError[] {
  const { completions, parallelism = 1, maxFailedIndexes } = spec;
  const errors: FieldError[] = [];
  if (completions === undefined) {
    errors.push(required(`${path}.completions`, 'when completion mode is Indexed'));
  }
  if (parallelism > MAX_PARALLELISM) {
    const detail = `must be less than or equal to ${MAX_PARALLELISM} when completion mode is Indexed`;
    errors.push(invalidValue(`${path}.parallelism`, parallelism, detail));
  }
  if (completions !== undefined && (maxFailedIndexes ?? 0) > completions) {
    const detail = 'must be less than or equal to completions';
    errors.push(invalidValue(`${path}.maxFailedIndexes`, maxFailedIndexes, detail));
  }
  return errors;
}

const validateNonIndexed = (spec: JobSpec, path: string): FieldError[] =>
  (['backoffLimitPerIndex', 'maxFailedIndexes', 'successPolicy'] as const)
    .filter((field) => spec[field] !== undefined)
    .map((field) => invalidValue(`${path}.${field}`, spec[field], 'requires indexed completion mode'));

function validateRestartPolicy(spec: JobSpec, path: string): FieldError[] {
  const policy = spec.template?.spec?.restartPolicy;
  if (!policy || policy === 'Always') return [required(path, 'valid values: "OnFailure", "Never"')];
  if (policy !== 'OnFailure' && policy !== 'Never')
    return [notSupported(path, policy, ['OnFailure', 'Never'])];
  if (spec.podFailurePolicy && policy !== 'Never') {
    return [invalidValue(path, policy, 'only "Never" is supported when podFailurePolicy is specified')];
  }
  return [];
}

function validateSelector(spec: JobSpec): FieldError[] {
  return [
    ...(spec.selector ? validateLabelSelector(spec.selector, 'spec.selector') : [required('spec.selector')]),
    ...validateTemplateLabels(spec.selector, spec.template.metadata?.labels, 'spec.template'),
  ];
}

function validateSpecUpdate(spec: JobSpec, oldJob: Job): FieldError[] {
  const old = oldJob.spec;
  const errors: FieldError[] = [];
  if (spec.completions !== old.completions) {
    // An indexed Job may grow and shrink with its parallelism.
    const isTandem = spec.completionMode === 'Indexed' && spec.completions === spec.parallelism;
    if (spec.completionMode !== 'Indexed')
      errors.push(...immutable('spec.completions', spec.completions, old.completions));
    else if (!isTandem) {
      const detail = 'can only be modified in tandem with spec.parallelism';
      errors.push(invalidValue('spec.completions', spec.completions, detail));
    }
  }
  for (const field of [
    'selector',
    'completionMode',
    'podFailurePolicy',
    'backoffLimitPerIndex',
    'managedBy',
    'successPolicy',
  ] as const) {
    errors.push(...immutable(`spec.${field}`, spec[field], old[field]));
  }
  if (isTemplateMutable(oldJob)) {
    const wanted = spec.template.spec;
    if (!isSame(wanted && withOldPlacement(wanted, old.template.spec), old.template.spec))
      errors.push(invalidValue('spec.template.spec', wanted, 'field is immutable'));
  } else if (!isSame(spec.template, old.template)) {
    errors.push(invalidValue('spec.template', spec.template, 'field is immutable'));
  }
  return errors;
}

/** While a Job is suspended and none of its Pods is left, queues may still place it and size it. */
function isTemplateMutable({ spec, status = {} }: Job): boolean {
  const isStill =
    status.conditions?.some((one) => one.type === 'Suspended' && one.status === 'True') ?? false;
  return spec.suspend === true && (status.startTime === undefined || isStill) && !status.active;
}

type TemplateSpec = NonNullable<JobSpec['template']['spec']>;

/** The Pods' spec with what decides about their node and their resources taken from the old one. */
function withOldPlacement(spec: TemplateSpec, old: TemplateSpec | undefined): TemplateSpec {
  const { nodeAffinity: _node, ...affinity } = spec.affinity ?? {};
  const nodeAffinity = old?.affinity?.nodeAffinity;
  const merged = { ...affinity, ...(nodeAffinity ? { nodeAffinity } : {}) };
  const sized = (now: TemplateSpec['containers'], before: TemplateSpec['containers'] = []) =>
    now.length === before.length
      ? now.map((one, i) => (one.name === before[i]?.name ? { ...one, resources: before[i].resources } : one))
      : now;
  return {
    ...spec,
    nodeSelector: old?.nodeSelector,
    tolerations: old?.tolerations,
    schedulingGates: old?.schedulingGates,
    affinity: Object.keys(merged).length > 0 || old?.affinity ? merged : undefined,
    containers: sized(spec.containers, old?.containers),
    ...(spec.initContainers ? { initContainers: sized(spec.initContainers, old?.initContainers) } : {}),
  };
}
