import type { PodSpec } from '#proto/schema/generated/core-v1.ts';

export type ReferenceKind = 'secrets' | 'configmaps' | 'persistentvolumeclaims' | 'serviceaccounts';

/** Does the pod need the object of its namespace, so that its node may read it? Rule: upstream's node graph. */
export function podRefersTo(spec: PodSpec, podName: string, kind: ReferenceKind, name: string): boolean {
  switch (kind) {
    case 'serviceaccounts':
      return (spec.serviceAccountName || 'default') === name;
    case 'persistentvolumeclaims':
      return (spec.volumes ?? []).some(
        (volume) =>
          volume.persistentVolumeClaim?.claimName === name ||
          (volume.ephemeral !== undefined && `${podName}-${volume.name}` === name),
      );
    case 'secrets':
      return secretsOf(spec).has(name);
    case 'configmaps':
      return configMapsOf(spec).has(name);
  }
}

const containersOf = (spec: PodSpec) => [
  ...(spec.initContainers ?? []),
  ...spec.containers,
  ...(spec.ephemeralContainers ?? []),
];

function secretsOf(spec: PodSpec): Set<string | undefined> {
  const names = new Set<string | undefined>(spec.imagePullSecrets?.map((ref) => ref.name));
  for (const { env, envFrom } of containersOf(spec)) {
    for (const one of env ?? []) names.add(one.valueFrom?.secretKeyRef?.name);
    for (const one of envFrom ?? []) names.add(one.secretRef?.name);
  }
  for (const volume of spec.volumes ?? []) {
    names.add(volume.secret?.secretName);
    for (const source of volume.projected?.sources ?? []) names.add(source.secret?.name);
    names.add(volume.csi?.nodePublishSecretRef?.name);
    for (const remote of [volume.iscsi, volume.flexVolume, volume.rbd, volume.cephfs, volume.scaleIO])
      names.add(remote?.secretRef?.name);
    names.add(volume.storageos?.secretRef?.name);
    names.add(volume.azureFile?.secretName);
  }
  return names;
}

function configMapsOf(spec: PodSpec): Set<string | undefined> {
  const names = new Set<string | undefined>();
  for (const { env, envFrom } of containersOf(spec)) {
    for (const one of env ?? []) names.add(one.valueFrom?.configMapKeyRef?.name);
    for (const one of envFrom ?? []) names.add(one.configMapRef?.name);
  }
  for (const volume of spec.volumes ?? []) {
    names.add(volume.configMap?.name);
    for (const source of volume.projected?.sources ?? []) names.add(source.configMap?.name);
  }
  return names;
}
