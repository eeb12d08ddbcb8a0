import type { Deployment, ReplicaSet } from '#proto/schema/generated/apps-v1.ts';
import type { PodTemplateSpec } from '#proto/schema/generated/core-v1.ts';
import { canonicalJson, equalJson } from '#server/controllers/json.ts';
import { byCreation } from '#server/controllers/timestamps.ts';

export const REVISION = 'deployment.kubernetes.io/revision';
export const REVISION_HISTORY = 'deployment.kubernetes.io/revision-history';
export const DESIRED_REPLICAS = 'deployment.kubernetes.io/desired-replicas';
export const MAX_REPLICAS = 'deployment.kubernetes.io/max-replicas';
export const TEMPLATE_HASH = 'pod-template-hash';

/** Annotations of a Deployment that its ReplicaSets do not inherit. */
const OWN = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  'deprecated.deployment.rollback.to',
  REVISION,
  REVISION_HISTORY,
  DESIRED_REPLICAS,
  MAX_REPLICAS,
]);

/** No vowels and no digits that look like them: no word arises by chance. Rule: apimachinery `rand.SafeEncodeString`. */
const SAFE = 'bcdfghjklmnpqrstvwxz2456789';

/** A short name for a template, the same for equal templates. `collisions` makes another one of it. */
export function templateHash(template: PodTemplateSpec, collisions: number | undefined): string {
  let hash = 0x811c9dc5;
  for (const char of canonicalJson(template) + (collisions ? `/${collisions}` : '')) {
    hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  }
  return [...String(hash)].map((digit) => SAFE[digit.charCodeAt(0) % SAFE.length]).join('');
}

export function equalTemplates(a: PodTemplateSpec | undefined, b: PodTemplateSpec | undefined): boolean {
  return equalJson(withoutHash(a), withoutHash(b));
}

function withoutHash(template: PodTemplateSpec | undefined): unknown {
  const { [TEMPLATE_HASH]: _hash, ...labels } = template?.metadata?.labels ?? {};
  const { labels: _labels, ...metadata } = template?.metadata ?? {};
  return {
    ...template,
    metadata: { ...metadata, ...(Object.keys(labels).length > 0 ? { labels } : {}) },
  };
}

/** The ReplicaSet that has the Deployment's template; of several the oldest, so that all agree. */
export const findNewReplicaSet = (
  deployment: Deployment,
  replicaSets: readonly ReplicaSet[],
): ReplicaSet | undefined =>
  [...replicaSets].sort(byCreation).find((rs) => equalTemplates(rs.spec.template, deployment.spec.template));

/** 64 bits, as upstream's: more than a JavaScript number holds. */
export const revisionOf = ({ metadata }: Deployment | ReplicaSet): bigint =>
  parseRevision(metadata.annotations?.[REVISION]);

const parseRevision = (text: string | undefined): bigint =>
  /^-?\d+$/.test(text ?? '') ? BigInt(text ?? '') : 0n;

/** One more than the newest of the old ones. */
export function nextRevision(old: readonly ReplicaSet[]): bigint {
  const newest =
    old
      .map(revisionOf)
      .sort((a, b) => (a < b ? -1 : 1))
      .at(-1) ?? 0n;
  return newest + 1n;
}

/** The annotations of the new ReplicaSet: inherited ones, its revision, and the revisions that it had before. */
export function replicaSetAnnotations(
  deployment: Deployment,
  current: Readonly<Record<string, string>>,
  revision: bigint,
): Record<string, string> {
  const result = { ...current };
  for (const [key, value] of Object.entries(deployment.metadata.annotations ?? {})) {
    if (!OWN.has(key)) result[key] = value;
  }
  const had = current[REVISION];
  if (parseRevision(had) >= revision) return result;
  result[REVISION] = String(revision);
  if (had !== undefined) {
    const history = (current[REVISION_HISTORY] ?? '').split(',').filter((entry) => entry !== '');
    if (!history.includes(had)) history.push(had);
    result[REVISION_HISTORY] = history.join(',');
  }
  return result;
}
