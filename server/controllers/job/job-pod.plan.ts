import type { Job } from '#proto/schema/generated/batch-v1.ts';
import type { Container, Pod } from '#proto/schema/generated/core-v1.ts';
import type { OwnerReference } from '#proto/schema/generated/meta-v1.ts';
import { judgeFailure } from '#server/controllers/job/failure-policy.plan.ts';

export const JOB_TRACKING = 'batch.kubernetes.io/job-tracking';
const COMPLETION_INDEX = 'batch.kubernetes.io/job-completion-index';
const FAILURE_COUNT = 'batch.kubernetes.io/job-index-failure-count';
const IGNORED_FAILURE_COUNT = 'batch.kubernetes.io/job-index-ignored-failure-count';
const INDEX_ENV = 'JOB_COMPLETION_INDEX';
/** The API server adds five characters to a generated name of at most 63. */
const MAX_GENERATED = 58;

export const isIndexed = ({ spec }: Job): boolean => spec.completionMode === 'Indexed';

export const isTracked = (pod: Pod): boolean => pod.metadata.finalizers?.includes(JOB_TRACKING) ?? false;

/** The pod's completion index; undefined for one that has none, or one that makes no sense. */
export function completionIndex(pod: Pod): number | undefined {
  const text = pod.metadata.annotations?.[COMPLETION_INDEX] ?? '';
  return /^\d+$/.test(text) ? Number(text) : undefined;
}

const countOf = (pod: Pod, annotation: string): number => {
  const text = pod.metadata.annotations?.[annotation] ?? '';
  return /^\d+$/.test(text) && Number(text) < 2 ** 31 ? Number(text) : 0;
};

/** How often the index had failed when this pod was made. */
export const indexFailures = (pod: Pod): number => countOf(pod, FAILURE_COUNT);

export const indexFailuresWithIgnored = (pod: Pod): number =>
  countOf(pod, FAILURE_COUNT) + countOf(pod, IGNORED_FAILURE_COUNT);

/**
 * A pod of the Job, for one index or for none. It carries the finalizer that keeps it until the Job's status
 * has counted it, and where indexes have back-off limits, the failures of the pod it replaces.
 */
export function podForJob(
  job: Job,
  owner: OwnerReference,
  index: number | undefined,
  replaced: Pod | undefined,
): Pod {
  const { template } = job.spec;
  const name = job.metadata.name ?? '';
  const { labels, annotations, finalizers = [] } = template.metadata ?? {};
  const metadata: Pod['metadata'] = {
    generateName: `${name}-`,
    namespace: job.metadata.namespace,
    ...(labels ? { labels } : {}),
    ...(annotations ? { annotations } : {}),
    finalizers: finalizers.includes(JOB_TRACKING) ? finalizers : [...finalizers, JOB_TRACKING],
    ownerReferences: [owner],
  };
  const spec = template.spec ?? { containers: [] };
  if (index === undefined) return { apiVersion: 'v1', kind: 'Pod', metadata, spec };
  const suffix = `-${index}-`;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...metadata,
      generateName: name.slice(0, MAX_GENERATED - suffix.length) + suffix,
      labels: { ...labels, [COMPLETION_INDEX]: `${index}` },
      annotations: { ...annotations, [COMPLETION_INDEX]: `${index}`, ...failureCounts(job, replaced) },
    },
    spec: {
      ...spec,
      hostname: `${name}-${index}`,
      containers: spec.containers.map(withIndexVariable),
      ...(spec.initContainers ? { initContainers: spec.initContainers.map(withIndexVariable) } : {}),
    },
  };
}

function failureCounts(job: Job, replaced: Pod | undefined): Record<string, string> {
  if (job.spec.backoffLimitPerIndex === undefined) return {};
  if (!replaced) return { [FAILURE_COUNT]: '0' };
  const { counted } = judgeFailure(job.spec.podFailurePolicy, replaced);
  const failures = countOf(replaced, FAILURE_COUNT) + (counted ? 1 : 0);
  const ignored = countOf(replaced, IGNORED_FAILURE_COUNT) + (counted ? 0 : 1);
  return {
    [FAILURE_COUNT]: `${failures}`,
    ...(ignored > 0 ? { [IGNORED_FAILURE_COUNT]: `${ignored}` } : {}),
  };
}

function withIndexVariable(container: Container): Container {
  const { env = [] } = container;
  if (env.some((variable) => variable.name === INDEX_ENV)) return container;
  const fieldPath = `metadata.labels['${COMPLETION_INDEX}']`;
  return { ...container, env: [...env, { name: INDEX_ENV, valueFrom: { fieldRef: { fieldPath } } }] };
}
