import type { Container, Pod, Volume } from '#proto/schema/generated/core-v1.ts';

/**
 * The first kind of object of the API that a Pod needs, as messages name it; undefined for a Pod that needs none.
 * Rule: upstream's `HasAPIObjectReference`.
 */
export function objectReferenceOf({ spec }: Pod): string | undefined {
  if (spec.serviceAccountName) return 'serviceaccounts';
  const containers = [
    ...(spec.initContainers ?? []),
    ...spec.containers,
    ...(spec.ephemeralContainers ?? []),
  ];
  const volumes = spec.volumes ?? [];
  if (spec.imagePullSecrets?.length || containers.some(readsSecret) || volumes.some(needsSecret))
    return 'secrets';
  if (containers.some(readsConfigMap) || volumes.some(needsConfigMap)) return 'configmaps';
  if (spec.resourceClaims?.length) return 'resourceclaims';
  for (const volume of volumes) {
    const reference = volumeReference(volume);
    if (reference) return reference;
  }
  return undefined;
}

const readsSecret = ({ env, envFrom }: Pick<Container, 'env' | 'envFrom'>): boolean =>
  (env?.some(({ valueFrom }) => valueFrom?.secretKeyRef) || envFrom?.some((one) => one.secretRef)) ?? false;

const readsConfigMap = ({ env, envFrom }: Pick<Container, 'env' | 'envFrom'>): boolean =>
  (env?.some(({ valueFrom }) => valueFrom?.configMapKeyRef) || envFrom?.some((one) => one.configMapRef)) ??
  false;

const needsSecret = (volume: Volume): boolean =>
  Boolean(
    volume.secret ||
      volume.azureFile ||
      volume.csi?.nodePublishSecretRef ||
      volume.projected?.sources?.some(({ secret }) => secret) ||
      [volume.cephfs, volume.flexVolume, volume.rbd, volume.scaleIO, volume.iscsi, volume.storageos].some(
        (one) => one?.secretRef,
      ),
  );

const needsConfigMap = (volume: Volume): boolean =>
  Boolean(volume.configMap || volume.projected?.sources?.some(({ configMap }) => configMap));

function volumeReference(volume: Volume): string | undefined {
  if (volume.csi) return 'csidrivers (via CSI volumes)';
  if (volume.glusterfs) return 'endpoints (via glusterFS volumes)';
  if (volume.persistentVolumeClaim) return 'persistentvolumeclaims';
  if (volume.ephemeral) return 'persistentvolumeclaims (via ephemeral volumes)';
  for (const source of volume.projected?.sources ?? []) {
    if (source.serviceAccountToken) return 'serviceaccounts (via projected volumes)';
    if (source.clusterTrustBundle) return 'clustertrustbundles';
    if (source.podCertificate) return 'podcertificates';
  }
  return undefined;
}
