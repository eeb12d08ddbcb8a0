/** Which objects a pod's volumes and environment are made of. */
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import { containersOf } from './history.plan.ts';

export interface References {
  /** Mounted: what they show follows the object. */
  readonly volumes: boolean;
  /** Read once, when a container starts. */
  readonly env: boolean;
}

/** How a pod uses one ConfigMap or Secret of its namespace. */
export function referencesTo(pod: Pod, plural: 'configmaps' | 'secrets', name: string): References {
  const maps = plural === 'configmaps';
  const volumes = (pod.spec.volumes ?? []).some((volume) => {
    const projected = (volume.projected?.sources ?? []).some((source) =>
      maps ? source.configMap?.name === name : source.secret?.name === name,
    );
    return projected || (maps ? volume.configMap?.name === name : volume.secret?.secretName === name);
  });
  const env = containersOf(pod).some(({ spec }) => {
    const from = (spec.envFrom ?? []).some((f) =>
      maps ? f.configMapRef?.name === name : f.secretRef?.name === name,
    );
    const keys = (spec.env ?? []).some(({ valueFrom }) =>
      maps ? valueFrom?.configMapKeyRef?.name === name : valueFrom?.secretKeyRef?.name === name,
    );
    return from || keys;
  });
  const pull = !maps && (pod.spec.imagePullSecrets ?? []).some((secret) => secret.name === name);
  return { volumes, env: env || pull };
}

/** Whether a pod's volumes show something that changes with time alone: service account tokens. */
export function hasTokens(pod: Pod): boolean {
  return (pod.spec.volumes ?? []).some((v) =>
    (v.projected?.sources ?? []).some((s) => s.serviceAccountToken !== undefined),
  );
}
