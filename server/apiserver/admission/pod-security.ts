import { daemonsets } from '#proto/api/apps/daemonsets.ts';
import { deployments } from '#proto/api/apps/deployments.ts';
import { replicasets } from '#proto/api/apps/replicasets.ts';
import { statefulsets } from '#proto/api/apps/statefulsets.ts';
import { cronjobs } from '#proto/api/batch/cronjobs.ts';
import { jobs } from '#proto/api/batch/jobs.ts';
import { namespaces } from '#proto/api/core/namespaces.ts';
import { pods } from '#proto/api/core/pods.ts';
import { podtemplates } from '#proto/api/core/podtemplates.ts';
import { replicationcontrollers } from '#proto/api/core/replicationcontrollers.ts';
import type { Resource } from '#proto/api/resource.ts';
import type { FieldError } from '#proto/meta/field-error.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import { invalid } from '#proto/meta/status-error.ts';
import type { Namespace, Pod } from '#proto/schema/generated/core-v1.ts';
import type { AdmissionAttributes, AdmissionPlugin } from '#server/apiserver/admission/admission.ts';
import { refused } from '#server/apiserver/admission/refuse.ts';
import type { ObjectReader } from '#server/apiserver/authn/object-reader.ts';
import type { PodLike } from '#server/podsecurity/check.plan.ts';
import { printViolations, violationsOf } from '#server/podsecurity/evaluate.plan.ts';
import { existingPodWarnings, isSignificantUpdate } from '#server/podsecurity/existing-pods.plan.ts';
import { compareLevels, type Policy, PREFIX, policyOf, printLevel } from '#server/podsecurity/policy.plan.ts';

const idOf = ({ group, plural }: Resource): string => `${plural}.${group}`;

/** Where the Pods of a workload come from. */
const TEMPLATES: ReadonlyMap<string, (object: KubeObject) => unknown> = new Map(
  (
    [
      [[podtemplates], (o) => o['template']],
      [
        [replicationcontrollers, replicasets, deployments, statefulsets, daemonsets, jobs] as Resource[],
        (o) => at(o, 'spec', 'template'),
      ],
      [[cronjobs], (o) => at(o, 'spec', 'jobTemplate', 'spec', 'template')],
    ] as [Resource[], (object: Record<string, unknown>) => unknown][]
  ).flatMap(([kinds, read]) => kinds.map((kind) => [idOf(kind), read as never])),
);

const at = (value: unknown, ...path: string[]): unknown =>
  path.reduce<unknown>((inner, key) => (inner as Record<string, unknown> | undefined)?.[key], value);

const IGNORED = ['exec', 'attach', 'binding', 'eviction', 'log', 'portforward', 'proxy', 'status'];

/**
 * Pods keep to the security level that their namespace's labels name; workloads are warned of Pods that would not.
 * Rule: upstream's `PodSecurity`.
 */
export function createPodSecurity(reader: ObjectReader): AdmissionPlugin {
  return {
    name: 'PodSecurity',
    validate(attributes) {
      const { resource, operation, subresource } = attributes;
      if ((operation !== 'CREATE' && operation !== 'UPDATE') || !attributes.object) return;
      const id = idOf(resource);
      if (id === 'namespaces.') {
        if (subresource === undefined) checkNamespace(reader, attributes);
      } else if (id === 'pods.') {
        if (!IGNORED.includes(subresource ?? '')) checkPod(reader, attributes);
      } else if (subresource === undefined) {
        const template = TEMPLATES.get(id)?.(attributes.object) as PodLike | undefined;
        if (template?.spec) checkTemplate(reader, attributes, template);
      }
    },
  };
}

function checkNamespace(reader: ObjectReader, attributes: AdmissionAttributes): void {
  const next = attributes.object as Namespace;
  const { policy, errors } = policyOf(next.metadata.labels);
  const old = attributes.oldObject as Namespace | undefined;
  const before = old && policyOf(old.metadata.labels);
  const same = (a: readonly FieldError[], b: readonly FieldError[]): boolean =>
    JSON.stringify(a) === JSON.stringify(b);
  if (errors.length > 0 && (!before || before.errors.length === 0 || !same(errors, before.errors)))
    throw invalid({ group: '', kind: 'Namespace' }, attributes.name, [...errors]);
  if (!before) return;
  const [to, from] = [policy.enforce, before.policy.enforce];
  if (to.level === 'privileged') return;
  if (to.version === from.version && compareLevels(to.level, from.level) <= 0) return;
  const name = next.metadata.name ?? '';
  for (const warning of existingPodWarnings(name, to, reader.list(pods, name))) attributes.warn(warning);
}

function policyFor(reader: ObjectReader, { namespace }: AdmissionAttributes): ReturnType<typeof policyOf> {
  return policyOf(reader.get(namespaces, undefined, namespace ?? '')?.metadata.labels);
}

function checkPod(reader: ObjectReader, attributes: AdmissionAttributes): void {
  const { policy, errors } = policyFor(reader, attributes);
  if (errors.length === 0 && isOpen(policy.enforce, policy.audit, policy.warn)) {
    attributes.annotate(`${PREFIX}enforce-policy`, 'privileged:latest');
    return;
  }
  const pod = attributes.object as Pod;
  const old = attributes.oldObject as Pod | undefined;
  if (attributes.operation === 'UPDATE' && old && !isSignificantUpdate(pod, old)) return;
  attributes.annotate(`${PREFIX}enforce-policy`, printLevel(policy.enforce));
  const violations = violationsOf(policy.enforce, pod);
  evaluate(attributes, policy, errors, pod, violations.length === 0);
  if (violations.length > 0)
    throw refused(
      attributes,
      `violates PodSecurity ${JSON.stringify(printLevel(policy.enforce))}: ${printViolations(violations)}`,
    );
}

function checkTemplate(reader: ObjectReader, attributes: AdmissionAttributes, template: PodLike): void {
  const { policy, errors } = policyFor(reader, attributes);
  if (errors.length === 0 && isOpen(policy.audit, policy.warn)) return;
  evaluate(attributes, policy, errors, template, true);
}

const isOpen = (...levels: readonly Policy['warn'][]): boolean =>
  levels.every(({ level }) => level === 'privileged');

function evaluate(
  attributes: AdmissionAttributes,
  policy: Policy,
  errors: readonly FieldError[],
  pod: PodLike,
  warns: boolean,
): void {
  if (errors.length > 0) {
    const texts = errors.map(({ field, message }) => `${field}: ${message}`);
    const list = texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`;
    attributes.annotate(`${PREFIX}error`, `Failed to parse policy: ${list}`);
  }
  const textAt = (level: Policy['warn']): string | undefined => {
    const violations = violationsOf(level, pod);
    return violations.length > 0
      ? `would violate PodSecurity ${JSON.stringify(printLevel(level))}: ${printViolations(violations)}`
      : undefined;
  };
  const audit = textAt(policy.audit);
  if (audit) attributes.annotate(`${PREFIX}audit-violations`, audit);
  const warning = warns ? textAt(policy.warn) : undefined;
  if (warning) attributes.warn(warning);
}
