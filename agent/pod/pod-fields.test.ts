/**
 * No field of a Pod is quietly dropped: each that the API knows stands here once, under what becomes of it on a board. A new field of
 * a new Kubernetes fails this test until somebody has decided.
 */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Container, Pod, PodSpec, Volume } from '#proto/schema/generated/core-v1.ts';
import { schema, type Type } from '#proto/schema/schema.ts';
import { aContainer, aPod } from './fixtures.ts';
import { unsupportedFields } from './unsupported.plan.ts';

interface Fate {
  /** The board does what it says, or says of the one value that it cannot follow (see below). */
  readonly honoured?: string;
  /** Refused, with an event that names it. */
  readonly refused?: string;
  /** Over when the Pod reaches its board: admission, scheduler and controllers have read it. */
  readonly server?: string;
  /** Means nothing without SELinux, and upstream's nodes too ignore it there. */
  readonly selinux?: string;
}

const LOCAL_OBJECT = { honoured: 'name' };
const CONTAINER: Fate = {
  honoured:
    'name image command args workingDir ports envFrom env resources resizePolicy restartPolicy restartPolicyRules volumeMounts ' +
    'volumeDevices livenessProbe readinessProbe startupProbe lifecycle terminationMessagePath terminationMessagePolicy ' +
    'imagePullPolicy securityContext stdin stdinOnce tty',
};
const ITEMS = { honoured: 'name items optional' };

const FATES: Readonly<Record<string, Fate>> = {
  PodSpec: {
    honoured:
      'volumes initContainers containers ephemeralContainers restartPolicy terminationGracePeriodSeconds activeDeadlineSeconds ' +
      'dnsPolicy serviceAccountName nodeName hostNetwork hostPID hostIPC shareProcessNamespace securityContext imagePullSecrets ' +
      'hostname subdomain hostAliases priority dnsConfig readinessGates runtimeClassName enableServiceLinks overhead ' +
      'setHostnameAsFQDN os hostUsers resources hostnameOverride tolerations',
    refused: 'resourceClaims',
    server:
      'nodeSelector serviceAccount automountServiceAccountToken affinity schedulerName priorityClassName preemptionPolicy ' +
      'topologySpreadConstraints schedulingGates schedulingGroup',
  },
  Volume: {
    honoured:
      'name hostPath emptyDir secret nfs persistentVolumeClaim downwardAPI configMap projected ephemeral image',
    refused:
      'gcePersistentDisk awsElasticBlockStore gitRepo iscsi glusterfs rbd flexVolume cinder cephfs flocker fc azureFile ' +
      'vsphereVolume quobyte azureDisk photonPersistentDisk portworxVolume scaleIO storageos csi',
  },
  HostPathVolumeSource: { honoured: 'path type' },
  EmptyDirVolumeSource: { honoured: 'medium sizeLimit' },
  SecretVolumeSource: { honoured: 'secretName items defaultMode optional' },
  KeyToPath: { honoured: 'key path mode' },
  NFSVolumeSource: { honoured: 'server path readOnly' },
  PersistentVolumeClaimVolumeSource: { honoured: 'claimName readOnly' },
  EphemeralVolumeSource: { server: 'volumeClaimTemplate' },
  DownwardAPIVolumeSource: { honoured: 'items defaultMode' },
  DownwardAPIVolumeFile: { honoured: 'path fieldRef resourceFieldRef mode' },
  ObjectFieldSelector: { honoured: 'fieldPath', server: 'apiVersion' },
  ResourceFieldSelector: { honoured: 'containerName resource divisor' },
  ConfigMapVolumeSource: { honoured: 'name items defaultMode optional' },
  ProjectedVolumeSource: { honoured: 'sources defaultMode' },
  VolumeProjection: {
    honoured: 'secret downwardAPI configMap serviceAccountToken',
    refused: 'clusterTrustBundle podCertificate',
  },
  SecretProjection: ITEMS,
  ConfigMapProjection: ITEMS,
  DownwardAPIProjection: { honoured: 'items' },
  ServiceAccountTokenProjection: { honoured: 'audience expirationSeconds path' },
  ImageVolumeSource: { honoured: 'reference pullPolicy' },
  LocalObjectReference: LOCAL_OBJECT,
  Container: CONTAINER,
  EphemeralContainer: { ...CONTAINER, honoured: `${CONTAINER.honoured} targetContainerName` },
  ContainerPort: { honoured: 'name hostPort containerPort protocol hostIP' },
  EnvFromSource: { honoured: 'prefix configMapRef secretRef' },
  ConfigMapEnvSource: { honoured: 'name optional' },
  SecretEnvSource: { honoured: 'name optional' },
  EnvVar: { honoured: 'name value valueFrom' },
  EnvVarSource: { honoured: 'fieldRef resourceFieldRef configMapKeyRef secretKeyRef', refused: 'fileKeyRef' },
  ConfigMapKeySelector: { honoured: 'name key optional' },
  SecretKeySelector: { honoured: 'name key optional' },
  ResourceRequirements: { honoured: 'limits requests', refused: 'claims' },
  ContainerResizePolicy: { honoured: 'resourceName restartPolicy' },
  ContainerRestartRule: { honoured: 'action exitCodes' },
  ContainerRestartRuleOnExitCodes: { honoured: 'operator values' },
  VolumeMount: { honoured: 'name readOnly recursiveReadOnly mountPath subPath mountPropagation subPathExpr' },
  VolumeDevice: { honoured: 'name devicePath' },
  Probe: {
    honoured:
      'exec httpGet tcpSocket grpc initialDelaySeconds timeoutSeconds periodSeconds successThreshold failureThreshold ' +
      'terminationGracePeriodSeconds',
  },
  ExecAction: { honoured: 'command' },
  HTTPGetAction: { honoured: 'path port host scheme httpHeaders' },
  HTTPHeader: { honoured: 'name value' },
  TCPSocketAction: { honoured: 'port host' },
  GRPCAction: { honoured: 'port service' },
  Lifecycle: { honoured: 'postStart preStop', refused: 'stopSignal' },
  LifecycleHandler: { honoured: 'exec httpGet tcpSocket sleep' },
  SleepAction: { honoured: 'seconds' },
  SecurityContext: {
    honoured:
      'capabilities privileged runAsUser runAsGroup runAsNonRoot readOnlyRootFilesystem allowPrivilegeEscalation procMount ' +
      'seccompProfile appArmorProfile',
    refused: 'windowsOptions',
    selinux: 'seLinuxOptions',
  },
  Capabilities: { honoured: 'add drop' },
  SeccompProfile: { honoured: 'type localhostProfile' },
  AppArmorProfile: { honoured: 'type', refused: 'localhostProfile' },
  PodSecurityContext: {
    honoured:
      'runAsUser runAsGroup runAsNonRoot supplementalGroups supplementalGroupsPolicy fsGroup sysctls fsGroupChangePolicy ' +
      'seccompProfile appArmorProfile',
    refused: 'windowsOptions',
    selinux: 'seLinuxOptions seLinuxChangePolicy',
  },
  Sysctl: { honoured: 'name value' },
  Toleration: { honoured: 'key operator value effect', server: 'tolerationSeconds' },
  HostAlias: { honoured: 'ip hostnames' },
  PodDNSConfig: { honoured: 'nameservers searches options' },
  PodDNSConfigOption: { honoured: 'name value' },
  PodReadinessGate: { honoured: 'conditionType' },
  PodOS: { honoured: 'name' },
};

const words = (text = ''): string[] => text.split(' ').filter(Boolean);
const messageOf = (type: Type): string | undefined =>
  type.kind === 'message'
    ? type.message
    : type.kind === 'list' || type.kind === 'map'
      ? messageOf(type.items)
      : undefined;

/** Fields by message, as far as the board itself reads them. */
function reachable(): ReadonlyMap<string, readonly { name: string; message: string | undefined }[]> {
  const found = new Map<string, { name: string; message: string | undefined }[]>();
  const visit = (id: string): void => {
    const name = id.split('.').at(-1) ?? '';
    const message = schema.message(id);
    if (found.has(name) || !message) return;
    // An embedded struct's fields are the message's own.
    const fields = message.fields.flatMap((field) =>
      field.inline ? [...(schema.message(messageOf(field.type) ?? '')?.fields ?? [])] : [field],
    );
    found.set(
      name,
      fields.map((field) => ({ name: field.name, message: messageOf(field.type) })),
    );
    const honoured = new Set(words(FATES[name]?.honoured));
    for (const field of fields) {
      const inner = messageOf(field.type);
      if (inner && honoured.has(field.name)) visit(inner);
    }
  };
  visit('core/v1.PodSpec');
  return found;
}

describe('every field of a Pod', () => {
  const found = reachable();
  it.each([...found.keys()])('%s: each once, and none that is not', (name) => {
    const { honoured, refused, server, selinux } = FATES[name] ?? {};
    const listed = [honoured, refused, server, selinux].flatMap(words);
    expect([...listed].sort()).toEqual((found.get(name) ?? []).map((field) => field.name).sort());
  });

  it('has nothing listed that a Pod does not lead to', () => {
    expect(Object.keys(FATES).filter((name) => !found.has(name))).toEqual([]);
  });

  it('is read where it is said to be honoured', () => {
    const root = join(import.meta.dirname, '../..');
    const files = globSync(['agent/**/*.ts', 'proto/api/core/*.ts'], { cwd: root }).filter(
      (file) => !/(\.test|fixtures)\.ts$/.test(file),
    );
    const source = files.map((file) => readFileSync(join(root, file), 'utf8')).join('\n');
    const code = source.replace(/\/\*[\s\S]*?\*\//g, '').replace(/\/\/.*$/gm, '');
    const names = [...found.keys()].flatMap((name) => words(FATES[name]?.honoured));
    expect(names.filter((name) => !new RegExp(`\\b${name}\\b`).test(code))).toEqual([]);
  });
});

describe('what is refused is named', () => {
  const withContainer = (over: Partial<Container>): Pod => aPod({ containers: [aContainer(over)] });
  const pod = (over: Partial<PodSpec>): Pod => aPod(over);
  it.each<[string, Pod]>([
    ['spec.resourceClaims', pod({ resourceClaims: [{ name: 'a' }] })],
    ['spec.hostUsers: false', pod({ hostUsers: false })],
    ['spec.os.name: windows', pod({ os: { name: 'windows' } })],
    ['spec.securityContext.windowsOptions', pod({ securityContext: { windowsOptions: {} } })],
    [
      'spec.securityContext.supplementalGroupsPolicy: Strict',
      pod({ securityContext: { supplementalGroupsPolicy: 'Strict' } }),
    ],
    [
      'spec.securityContext.appArmorProfile',
      pod({ securityContext: { appArmorProfile: { type: 'Localhost', localhostProfile: 'x' } } }),
    ],
    ['spec.containers[0].resources.claims', withContainer({ resources: { claims: [{ name: 'a' }] } })],
    ['spec.containers[0].lifecycle.stopSignal', withContainer({ lifecycle: { stopSignal: 'SIGUSR1' } })],
    [
      'spec.containers[0].securityContext.windowsOptions',
      withContainer({ securityContext: { windowsOptions: {} } }),
    ],
    [
      'spec.containers[0].securityContext.appArmorProfile',
      withContainer({ securityContext: { appArmorProfile: { type: 'Localhost' } } }),
    ],
    [
      'spec.containers[0].restartPolicyRules: RestartAllContainers',
      withContainer({ restartPolicyRules: [{ action: 'RestartAllContainers' }] }),
    ],
    [
      'spec.containers[0].volumeMounts[v].recursiveReadOnly: Enabled',
      withContainer({ volumeMounts: [{ name: 'v', mountPath: '/v', recursiveReadOnly: 'Enabled' }] }),
    ],
    ...words(FATES['Volume']?.refused).map((type): [string, Pod] => [
      `spec.volumes[v].${type}`,
      pod({ volumes: [{ name: 'v', [type]: {} } as Volume] }),
    ]),
    [
      'spec.volumes[v].projected.sources[0].clusterTrustBundle',
      pod({ volumes: [{ name: 'v', projected: { sources: [{ clusterTrustBundle: { path: 'x' } }] } }] }),
    ],
    [
      'spec.volumes[v].projected.sources[0].podCertificate',
      pod({
        volumes: [
          {
            name: 'v',
            projected: { sources: [{ podCertificate: { signerName: 's', keyType: 'ED25519' } }] },
          },
        ],
      }),
    ],
    [
      'spec.containers[0].env[E].valueFrom.fileKeyRef',
      withContainer({
        env: [{ name: 'E', valueFrom: { fileKeyRef: { volumeName: 'v', path: 'p', key: 'k' } } }],
      }),
    ],
  ])('%s', (field, refused) => {
    expect(unsupportedFields(refused).join()).toContain(`${field} `);
  });
});
