import { statefulsets } from '#proto/api/apps/statefulsets.ts';
import type { StatefulSet } from '#proto/schema/generated/apps-v1.ts';
import type { PersistentVolumeClaim, Pod, PodTemplateSpec, Volume } from '#proto/schema/generated/core-v1.ts';
import { REVISION_HASH } from '#server/controllers/history/history.plan.ts';
import { controllerReference } from '#server/controllers/ownership.ts';

const POD_NAME = 'statefulset.kubernetes.io/pod-name';
const POD_INDEX = 'apps.kubernetes.io/pod-index';

export const startOrdinal = (set: StatefulSet): number => set.spec.ordinals?.start ?? 0;
export const replicasOf = (set: StatefulSet): number => set.spec.replicas ?? 1;
export const podNameOf = (set: StatefulSet, ordinal: number): string => `${set.metadata.name}-${ordinal}`;

/** Undefined for a Pod that is not named as this set names its Pods. */
export function ordinalOf(set: StatefulSet, pod: Pod): number | undefined {
  const [, parent, ordinal] = /^(.*)-(\d+)$/.exec(pod.metadata.name ?? '') ?? [];
  if (parent !== set.metadata.name || ordinal === undefined) return undefined;
  // `web-01` is nobody's: it would be a second Pod of ordinal 1.
  return String(Number(ordinal)) === ordinal ? Number(ordinal) : undefined;
}

export const isInRange = (set: StatefulSet, ordinal: number): boolean =>
  ordinal >= startOrdinal(set) && ordinal < startOrdinal(set) + replicasOf(set);

export const revisionNameOf = (pod: Pod): string | undefined => pod.metadata.labels?.[REVISION_HASH];

/** The Pod of one ordinal as `template`, which `revision` names, wants it: its names outlive it. */
export function podOf(set: StatefulSet, template: PodTemplateSpec, revision: string, ordinal: number): Pod {
  const { labels, annotations, finalizers } = template.metadata ?? {};
  const name = podNameOf(set, ordinal);
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: set.metadata.namespace,
      labels: { ...labels, ...identityLabels(name, ordinal), [REVISION_HASH]: revision },
      ...(annotations ? { annotations } : {}),
      ...(finalizers ? { finalizers } : {}),
      ownerReferences: [controllerReference(set, statefulsets)],
    },
    spec: {
      ...(template.spec as Pod['spec']),
      hostname: name,
      ...(set.spec.serviceName ? { subdomain: set.spec.serviceName } : {}),
      ...volumesOf(set, template, ordinal),
    },
  };
}

const identityLabels = (name: string, ordinal: number): Record<string, string> => ({
  [POD_NAME]: name,
  [POD_INDEX]: String(ordinal),
});

/** Labels that somebody took off a Pod; undefined: all are there. */
export function missingLabels(pod: Pod, ordinal: number): Record<string, string> | undefined {
  const wanted = identityLabels(pod.metadata.name ?? '', ordinal);
  const labels = pod.metadata.labels ?? {};
  return Object.entries(wanted).every(([key, value]) => labels[key] === value) ? undefined : wanted;
}

export const claimNameOf = (template: PersistentVolumeClaim, set: StatefulSet, ordinal: number): string =>
  `${template.metadata.name}-${podNameOf(set, ordinal)}`;

/** A claim's volume takes the place of the template's volume of the same name. */
function volumesOf(
  set: StatefulSet,
  template: PodTemplateSpec,
  ordinal: number,
): { volumes?: Volume[] | undefined } {
  const claims = set.spec.volumeClaimTemplates ?? [];
  if (claims.length === 0) return {};
  const own = claims.map(
    (claim): Volume => ({
      name: claim.metadata.name ?? '',
      persistentVolumeClaim: { claimName: claimNameOf(claim, set, ordinal) },
    }),
  );
  const names = new Set(own.map(({ name }) => name));
  return { volumes: [...own, ...(template.spec?.volumes ?? []).filter(({ name }) => !names.has(name))] };
}

/** The claims of one ordinal as they are made; who owns them is said elsewhere. */
export function claimsOf(set: StatefulSet, ordinal: number): PersistentVolumeClaim[] {
  return (set.spec.volumeClaimTemplates ?? []).map((template) => ({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: {
      name: claimNameOf(template, set, ordinal),
      namespace: set.metadata.namespace,
      labels: { ...template.metadata.labels, ...set.spec.selector?.matchLabels },
      ...(template.metadata.annotations ? { annotations: template.metadata.annotations } : {}),
    },
    spec: template.spec,
  }));
}
