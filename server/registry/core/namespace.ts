import { labelKeyProblems } from '#proto/meta/label-syntax.ts';
import type { Namespace } from '#proto/schema/generated/core-v1.ts';
import type { Strategy } from '#server/registry/strategy.ts';
import { problemsAt } from '#server/registry/validation/field-checks.ts';

const NAME_LABEL = 'kubernetes.io/metadata.name';
const FINALIZER = 'kubernetes';
const STANDARD_FINALIZERS = new Set([FINALIZER, 'orphan', 'foregroundDeletion']);

/** Namespaces. Rule: upstream's `pkg/registry/core/namespace/strategy.go`. */
export const namespace: Strategy<Namespace> = {
  nameRule: 'dns-label',
  generation: false,
  applyDefaults: (object) => {
    object.spec ??= {};
    object.status ??= {};
    object.status.phase ||= 'Active';
    setNameLabel(object);
  },
  prepareForCreate: (object) => {
    object.status = { phase: 'Active' };
    // The namespace controller takes it away once everything inside is gone.
    object.spec.finalizers ??= [];
    if (!object.spec.finalizers.includes(FINALIZER)) object.spec.finalizers.push(FINALIZER);
    // A generated name is only known by now.
    setNameLabel(object);
  },
  prepareForUpdate: (object, old, { subresource }) => {
    if (subresource !== 'finalize') object.spec.finalizers = old.spec.finalizers;
    if (subresource !== 'status') object.status = old.status;
  },
  validate: ({ spec }) =>
    (spec.finalizers ?? []).flatMap((finalizer) =>
      // Some are older than the rule that asks for a domain.
      STANDARD_FINALIZERS.has(finalizer)
        ? []
        : problemsAt('spec.finalizers', finalizer, finalizerProblems(finalizer)),
    ),
};

function setNameLabel({ metadata }: Namespace): void {
  if (metadata.name) metadata.labels = { ...metadata.labels, [NAME_LABEL]: metadata.name };
}

function finalizerProblems(finalizer: string): string[] {
  const problems = labelKeyProblems(finalizer);
  if (problems.length > 0 || finalizer.includes('/')) return problems;
  return ['name is neither a standard finalizer name nor is it fully qualified'];
}
