/**
 * What a spec may ask for that a board does not do. Each is named to the user; none is quietly dropped, but SELinux labels:
 * upstream's nodes ignore them wherever the kernel has no SELinux, and manifests rely on that.
 */
import type { Pod, Volume } from '#proto/schema/generated/core-v1.ts';
import { containersOf } from './history.plan.ts';

const LIST: Readonly<Record<string, string>> = {
  app: 'containers',
  ephemeral: 'ephemeralContainers',
  init: 'initContainers',
  sidecar: 'initContainers',
};

/** Storage of clouds and of clusters beside the cluster: through CSI upstream, and there is no driver on a board. */
const VOLUMES = [
  'gcePersistentDisk',
  'awsElasticBlockStore',
  'gitRepo',
  'iscsi',
  'glusterfs',
  'rbd',
  'flexVolume',
  'cinder',
  'cephfs',
  'flocker',
  'fc',
  'azureFile',
  'vsphereVolume',
  'quobyte',
  'azureDisk',
  'photonPersistentDisk',
  'portworxVolume',
  'scaleIO',
  'storageos',
  'csi',
] as const satisfies readonly (keyof Volume)[];

/** One sentence for each field of the pod that this board cannot follow. */
export function unsupportedFields(pod: Pod): readonly string[] {
  const { spec } = pod;
  const found: string[] = [];
  const no = (field: string, why = 'is not supported on this node'): void => {
    found.push(`${field} ${why}`);
  };
  if (spec.hostUsers === false)
    no('spec.hostUsers: false', 'needs user namespaces, which this node does not have');
  if (spec.os?.name && spec.os.name !== 'linux') no(`spec.os.name: ${spec.os.name}`);
  if ((spec.resourceClaims ?? []).length > 0) no('spec.resourceClaims');
  if (spec.securityContext?.windowsOptions) no('spec.securityContext.windowsOptions');
  if (spec.securityContext?.supplementalGroupsPolicy === 'Strict') {
    no('spec.securityContext.supplementalGroupsPolicy: Strict');
  }
  if (localhostAppArmor(spec.securityContext?.appArmorProfile?.type)) {
    no('spec.securityContext.appArmorProfile');
  }
  for (const volume of spec.volumes ?? []) {
    const path = `spec.volumes[${volume.name}]`;
    for (const type of VOLUMES) if (volume[type]) no(`${path}.${type}`);
    for (const [index, source] of (volume.projected?.sources ?? []).entries()) {
      if (source.clusterTrustBundle) no(`${path}.projected.sources[${index}].clusterTrustBundle`);
      if (source.podCertificate) no(`${path}.projected.sources[${index}].podCertificate`);
    }
  }
  const seen = new Map<string, number>();
  for (const { role, spec: container } of containersOf(pod)) {
    const list = LIST[role] ?? role;
    const index = seen.get(list) ?? 0;
    seen.set(list, index + 1);
    const path = `spec.${list}[${index}]`;
    const security = container.securityContext;
    if ((container.resources?.claims ?? []).length > 0) no(`${path}.resources.claims`);
    if (security?.windowsOptions) no(`${path}.securityContext.windowsOptions`);
    if (localhostAppArmor(security?.appArmorProfile?.type)) no(`${path}.securityContext.appArmorProfile`);
    if (container.lifecycle?.stopSignal) no(`${path}.lifecycle.stopSignal`);
    if ((container.restartPolicyRules ?? []).some((rule) => rule.action === 'RestartAllContainers')) {
      no(`${path}.restartPolicyRules: RestartAllContainers`);
    }
    for (const { name, valueFrom } of container.env ?? [])
      if (valueFrom?.fileKeyRef) no(`${path}.env[${name}].valueFrom.fileKeyRef`);
    for (const mount of container.volumeMounts ?? []) {
      if (mount.recursiveReadOnly === 'Enabled') {
        no(`${path}.volumeMounts[${mount.name}].recursiveReadOnly: Enabled`);
      }
    }
  }
  return found;
}

/** A profile by name has to be loaded on the board; boards run without AppArmor, where the other types say nothing. */
function localhostAppArmor(type: string | undefined): boolean {
  return type === 'Localhost';
}
