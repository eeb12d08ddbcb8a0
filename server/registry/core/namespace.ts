import { labelKeyProblems } from '#proto/meta/label-syntax.ts';
import type { Namespace } from '#proto/schema/generated/core-v1.ts';
import type { Strategy } from '#server/registry/strategy.ts';
import { problemsAt } from '#server/registry/validation/field-checks.ts';

const NAME_LABEL = 'kubernetes.io/metadata.name';
const FINALIZER = 'kubernetes';

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
      // `kubernetes` is older than the rule that asks for a domain.
      finalizer === FINALIZER ? [] : problemsAt('spec.finalizers', finalizer, labelKeyProblems(finalizer)),
    ),
};

function setNameLabel({ metadata }: Namespace): void {
  if (metadata.name) metadata.labels = { ...metadata.labels, [NAME_LABEL]: metadata.name };
}
