/**
 * A Pod of a file on the board: what a manifest becomes, and how it is mirrored in the cluster. Pure. Rule: the kubelet's `config/common.go`
 * and `mirror_client.go`.
 */
import type { Container, Pod, PodSpec, Probe } from '#proto/schema/generated/core-v1.ts';

export const CONFIG_SOURCE = 'kubernetes.io/config.source';
export const CONFIG_HASH = 'kubernetes.io/config.hash';
export const CONFIG_SEEN = 'kubernetes.io/config.seen';
export const CONFIG_MIRROR = 'kubernetes.io/config.mirror';

const PRIORITIES: Readonly<Record<string, number>> = {
  'system-cluster-critical': 2_000_000_000,
  'system-node-critical': 2_000_001_000,
};

export interface ManifestFacts {
  readonly nodeName: string;
  /** Differs when the file's content does, and between files and boards: it becomes the Pod's uid. */
  readonly hash: string;
  /** As an RFC 3339 time. */
  readonly seen: string;
}

/** Throws an Error that says what is wrong with the manifest. */
export function staticPod(manifest: unknown, { nodeName, hash, seen }: ManifestFacts): Pod {
  const pod = manifest as Partial<Pod> | null;
  if (typeof pod !== 'object' || pod === null || pod.kind !== 'Pod' || pod.apiVersion !== 'v1')
    throw new Error('invalid pod: expected apiVersion: v1, kind: Pod');
  const { metadata, spec } = pod;
  if (!metadata?.name) throw new Error('invalid pod: name is needed for the pod');
  if (!Array.isArray(spec?.containers) || spec.containers.length === 0)
    throw new Error('invalid pod: spec.containers: Required value');
  for (const { name, image } of spec.containers)
    if (!name || !image) throw new Error('invalid pod: each container needs a name and an image');
  const reference = apiReference(spec);
  if (reference) throw new Error(`static pods may not reference ${reference}`);
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...metadata,
      name: `${metadata.name}-${nodeName.toLowerCase()}`,
      namespace: metadata.namespace || 'default',
      uid: hash,
      creationTimestamp: seen,
      annotations: {
        ...metadata.annotations,
        [CONFIG_HASH]: hash,
        [CONFIG_SOURCE]: 'file',
        [CONFIG_SEEN]: seen,
      },
    },
    spec: withDefaults(spec, nodeName),
    status: { phase: 'Pending' },
  };
}

/** What the API server would add to it: nobody else does for a board that may never see one. */
function withDefaults(spec: PodSpec, nodeName: string): PodSpec {
  const priority = spec.priority ?? PRIORITIES[spec.priorityClassName ?? ''];
  return {
    restartPolicy: 'Always',
    dnsPolicy: 'ClusterFirst',
    terminationGracePeriodSeconds: 30,
    enableServiceLinks: true,
    ...spec,
    ...(priority === undefined ? {} : { priority }),
    nodeName,
    // It stays on its board, whatever the cluster thinks of that.
    tolerations: [...(spec.tolerations ?? []), { operator: 'Exists', effect: 'NoExecute' }],
    containers: spec.containers.map(withProbes),
    ...(spec.initContainers ? { initContainers: spec.initContainers.map(withProbes) } : {}),
  };
}

function withProbes(container: Container): Container {
  const { livenessProbe, readinessProbe, startupProbe } = container;
  const full = (probe: Probe): Probe => ({
    ...{ timeoutSeconds: 1, periodSeconds: 10, successThreshold: 1, failureThreshold: 3 },
    ...probe,
  });
  return {
    ...container,
    ...(livenessProbe ? { livenessProbe: full(livenessProbe) } : {}),
    ...(readinessProbe ? { readinessProbe: full(readinessProbe) } : {}),
    ...(startupProbe ? { startupProbe: full(startupProbe) } : {}),
  };
}

/** What it would need of the API: a static Pod runs without one. */
function apiReference(spec: PodSpec): string | undefined {
  if (spec.serviceAccountName) return 'serviceaccounts';
  const containers = [...(spec.initContainers ?? []), ...spec.containers];
  const from = containers.flatMap(({ envFrom }) => envFrom ?? []);
  const values = containers.flatMap(({ env }) => (env ?? []).map(({ valueFrom }) => valueFrom));
  const pullSecrets = (spec.imagePullSecrets ?? []).length > 0;
  if (pullSecrets || from.some((f) => f.secretRef) || values.some((v) => v?.secretKeyRef)) return 'secrets';
  if (from.some((f) => f.configMapRef) || values.some((v) => v?.configMapKeyRef)) return 'configmaps';
  if ((spec.resourceClaims ?? []).length > 0) return 'resourceclaims';
  for (const volume of spec.volumes ?? []) {
    if (volume.configMap) return 'configmaps (via configmap volumes)';
    if (volume.secret) return 'secrets (via secret volumes)';
    if (volume.persistentVolumeClaim) return 'persistentvolumeclaims';
    if (volume.ephemeral) return 'persistentvolumeclaims (via ephemeral volumes)';
    for (const source of volume.projected?.sources ?? []) {
      if (source.configMap) return 'configmaps (via projected volumes)';
      if (source.secret) return 'secrets (via projected volumes)';
      if (source.serviceAccountToken) return 'serviceaccounts (via projected volumes)';
    }
  }
  return undefined;
}

export const isStatic = ({ metadata }: Pod): boolean => metadata.annotations?.[CONFIG_SOURCE] === 'file';
export const isMirror = ({ metadata }: Pod): boolean => metadata.annotations?.[CONFIG_MIRROR] !== undefined;

const keyOf = ({ metadata }: Pod): string => `${metadata.namespace}/${metadata.name}`;

export interface MirrorPlan {
  readonly create: readonly Pod[];
  readonly remove: readonly Pod[];
}

/** Each static Pod has one mirror, of its very content; a mirror that somebody deletes comes back, and its Pod does not notice. */
export function planMirrors(statics: readonly Pod[], mirrors: readonly Pod[]): MirrorPlan {
  const wanted = new Map(statics.map((pod) => [keyOf(pod), pod]));
  const isRight = (mirror: Pod): boolean =>
    mirror.metadata.annotations?.[CONFIG_MIRROR] === wanted.get(keyOf(mirror))?.metadata.uid &&
    !mirror.metadata.deletionTimestamp;
  const there = new Set(mirrors.map(keyOf));
  return {
    remove: mirrors.filter((mirror) => !isRight(mirror)),
    // One that is being removed goes first: its name is taken until then.
    create: statics.filter((pod) => !there.has(keyOf(pod))),
  };
}

/** What the cluster is shown; `nodeUid` because a mirror belongs to its Node. */
export function mirrorOf(pod: Pod, nodeName: string, nodeUid: string): Pod {
  const { uid = '', creationTimestamp: _, ...metadata } = pod.metadata;
  return {
    ...pod,
    metadata: {
      ...metadata,
      annotations: { ...metadata.annotations, [CONFIG_MIRROR]: uid },
      ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: nodeName, uid: nodeUid, controller: true }],
    },
    status: {},
  };
}
