import { limitranges } from '#proto/api/core/limitranges.ts';
import { persistentvolumeclaims } from '#proto/api/core/persistentvolumeclaims.ts';
import { pods } from '#proto/api/core/pods.ts';
import type {
  Container,
  LimitRangeItem,
  PersistentVolumeClaim,
  Pod,
  ResourceList,
} from '#proto/schema/generated/core-v1.ts';
import type { AdmissionAttributes, AdmissionPlugin } from '#server/apiserver/admission/admission.ts';
import { claimProblems, podProblems } from '#server/apiserver/admission/limit-checks.plan.ts';
import { isAbout, refused } from '#server/apiserver/admission/refuse.ts';
import type { ObjectReader } from '#server/apiserver/authn/object-reader.ts';

const ANNOTATION = 'kubernetes.io/limit-ranger';

/**
 * Containers that ask for nothing get what the namespace's LimitRanges say, and nothing goes beyond their bounds.
 * Rule: upstream's `LimitRanger`.
 */
export function createLimitRanger(reader: ObjectReader): AdmissionPlugin {
  const limitsOf = ({ namespace }: AdmissionAttributes): LimitRangeItem[] =>
    reader.list(limitranges, namespace).flatMap(({ spec }) => spec.limits ?? []);
  return {
    name: 'LimitRanger',
    admit(attributes) {
      if (isNewPod(attributes)) applyDefaults(attributes.object as Pod, limitsOf(attributes));
    },
    validate(attributes) {
      let problems: string[] = [];
      if (isNewPod(attributes))
        problems = limitsOf(attributes).flatMap((one) => podProblems(attributes.object as Pod, one));
      else if (isClaim(attributes))
        problems = limitsOf(attributes).flatMap((one) =>
          claimProblems(attributes.object as PersistentVolumeClaim, one),
        );
      const all = [...new Set(problems)];
      if (all.length > 0)
        throw refused(attributes, all.length === 1 ? (all[0] ?? '') : `[${all.join(', ')}]`);
    },
  };
}

/** What a Pod asks for changes by a resize alone. */
const isNewPod = (attributes: AdmissionAttributes): boolean =>
  isAbout(attributes, pods) && attributes.operation === 'CREATE' && attributes.object !== undefined;

const isClaim = (attributes: AdmissionAttributes): boolean =>
  isAbout(attributes, persistentvolumeclaims) &&
  (attributes.operation === 'CREATE' || attributes.operation === 'UPDATE') &&
  attributes.object !== undefined;

/** Says in an annotation what was not the author's wish. */
function applyDefaults(pod: Pod, limits: readonly LimitRangeItem[]): void {
  const set: string[] = [];
  for (const item of limits.filter(({ type }) => type === 'Container')) {
    for (const container of pod.spec.containers) set.push(...applyTo(container, 'container', item));
    for (const container of pod.spec.initContainers ?? [])
      set.push(...applyTo(container, 'init container', item));
  }
  if (set.length === 0) return;
  const text = `LimitRanger plugin set: ${set.join('; ')}`;
  pod.metadata.annotations = { ...pod.metadata.annotations, [ANNOTATION]: text };
}

function applyTo(container: Container, what: string, item: LimitRangeItem): string[] {
  const resources = { ...container.resources };
  const said: string[] = [];
  for (const [field, word, defaults] of [
    ['requests', 'request', item.defaultRequest],
    ['limits', 'limit', item.default],
  ] as const) {
    const own: ResourceList = resources[field] ?? {};
    const missing = Object.entries(defaults ?? {}).filter(([name]) => own[name] === undefined);
    if (missing.length === 0) continue;
    resources[field] = { ...own, ...Object.fromEntries(missing) };
    const names = missing.map(([name]) => name).sort();
    said.push(`${names.join(', ')} ${word} for ${what} ${container.name}`);
  }
  if (said.length > 0) container.resources = resources;
  return said;
}
