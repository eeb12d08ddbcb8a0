import { SERVES_LABEL, tlsSecretsOf } from '#proto/ingress/ingress.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import type {
  Container,
  EnvFromSource,
  EnvVar,
  Node,
  Pod,
  Secret,
  Volume,
} from '#proto/schema/generated/core-v1.ts';
import type { Ingress } from '#proto/schema/generated/networking-v1.ts';

/** The kinds that the link carries, by plural. */
export const FED_KINDS = [
  ...(['nodes', 'pods', 'configmaps', 'secrets', 'services', 'endpointslices'] as const),
  ...(['networkpolicies', 'addressgroups', 'ingresses'] as const),
] as const;
export type FedKind = (typeof FED_KINDS)[number];

/** Kinds of which every board has every object: its Services and its DNS work from them. */
export const FED_WHOLE: readonly FedKind[] = ['nodes', 'services', 'endpointslices'];

const TOPOLOGY_LABELS = ['topology.kubernetes.io/region', 'topology.kubernetes.io/zone'];
const LAST_CHANGE = 'endpoints.kubernetes.io/last-change-trigger-time';

/** What is sent to a board in place of an object. Of other boards it learns no more than the way to their Pods. */
export function sentTo(nodeName: string, plural: FedKind, object: KubeObject): KubeObject {
  if (plural === 'nodes' && object.metadata.name !== nodeName) return peerOf(object as Node);
  if (plural !== 'endpointslices' && plural !== 'ingresses') return object;
  const { managedFields: _owners, ...metadata } = object.metadata;
  return { ...object, metadata };
}

/** Whether this board has a part in serving Ingresses. One that has not gets neither them nor their keys. */
export const servesIngresses = (node: KubeObject | undefined): boolean =>
  node?.metadata.labels?.[SERVES_LABEL] !== 'false';

/** The Secrets with the keys of Ingresses, as `secrets/<namespace>/<name>`. */
export const keysOf = (ingresses: readonly KubeObject[]): Set<string> =>
  new Set(ingresses.flatMap((ingress) => tlsSecretsOf(ingress as Ingress).map((key) => `secrets/${key}`)));

/**
 * What a board gets of a Secret that only an Ingress names: certificate and key, and nothing of one that is something else.
 * Whoever may write an Ingress but read no Secret makes no board hold what is not for TLS.
 */
export function keyPairOf(secret: Secret): Secret | undefined {
  if (secret.type !== 'kubernetes.io/tls') return undefined;
  const { namespace, name, uid } = secret.metadata;
  const { 'tls.crt': certificate = '', 'tls.key': key = '' } = secret.data ?? {};
  return {
    metadata: { namespace, name, uid },
    type: secret.type,
    data: { 'tls.crt': certificate, 'tls.key': key },
  } as Secret;
}

const NETWORK_ANNOTATIONS = 'network.coracle.dev/';

/** Heartbeats, capacity, images and conditions of others stay behind: they change all the time. */
function peerOf({ metadata, spec, status }: Node): Node {
  const labels = Object.entries(metadata.labels ?? {}).filter(([name]) => TOPOLOGY_LABELS.includes(name));
  const told = Object.entries(metadata.annotations ?? {}).filter(([name]) =>
    name.startsWith(NETWORK_ANNOTATIONS),
  );
  const annotations = told.length > 0 ? { annotations: Object.fromEntries(told) } : {};
  return {
    metadata: { name: metadata.name, uid: metadata.uid, labels: Object.fromEntries(labels), ...annotations },
    spec: { podCIDR: spec.podCIDR, podCIDRs: spec.podCIDRs },
    status: { addresses: (status?.addresses ?? []).filter(({ type }) => type === 'InternalIP') },
  } as Node;
}

/**
 * What a board acts on: changes of the rest are not sent. A Pod's and a Node's status come from the board itself,
 * and would come back to it; revisions and field owners mean nothing to it. That a Pod has ended does come back: a
 * board that restarts has nothing else to know it by when the Pod never ran or was evicted, and may be told by others.
 */
export function actedUpon(plural: FedKind, object: KubeObject, nodeName = object.metadata.name): unknown {
  if (plural === 'nodes' && object.metadata.name !== nodeName) return peerOf(object as Node);
  const { resourceVersion: _revision, managedFields: _owners, ...metadata } = object.metadata;
  if (plural === 'endpointslices') {
    const { [LAST_CHANGE]: _time, ...annotations } = metadata.annotations ?? {};
    return { ...object, metadata: { ...metadata, generation: undefined, annotations } };
  }
  if (plural !== 'pods' && plural !== 'nodes' && plural !== 'ingresses') return { ...object, metadata };
  const { status, ...rest } = object as KubeObject & { status?: { phase?: string } };
  if (plural === 'ingresses') return { ...rest, metadata };
  const ended = status?.phase === 'Failed' || status?.phase === 'Succeeded';
  return { ...rest, metadata, ...(ended ? { ended } : {}) };
}

/** Says whom cluster DNS asks for other names; each board has it, where there is one. */
const DNS_FORWARDING = 'configmaps/kube-system/kube-dns';

/** The ConfigMaps and Secrets that Pods name, as `configmaps/<namespace>/<name>`. Optional ones count too. */
export function referencesOf(pods: readonly Pod[]): Set<string> {
  const found = new Set<string>([DNS_FORWARDING]);
  for (const pod of pods) {
    const namespace = pod.metadata.namespace ?? '';
    const configMap = (name: string | undefined): void =>
      void (name && found.add(`configmaps/${namespace}/${name}`));
    const secret = (name: string | undefined): void =>
      void (name && found.add(`secrets/${namespace}/${name}`));
    for (const pull of pod.spec.imagePullSecrets ?? []) secret(pull.name);
    for (const volume of pod.spec.volumes ?? []) ofVolume(volume, configMap, secret);
    const containers = [
      ...(pod.spec.initContainers ?? []),
      ...pod.spec.containers,
      ...(pod.spec.ephemeralContainers ?? []),
    ] as Container[];
    for (const container of containers) {
      for (const env of container.env ?? []) ofEnv(env, configMap, secret);
      for (const from of container.envFrom ?? []) ofEnvFrom(from, configMap, secret);
    }
  }
  return found;
}

type Found = (name: string | undefined) => void;

function ofVolume(volume: Volume, configMap: Found, secret: Found): void {
  configMap(volume.configMap?.name);
  secret(volume.secret?.secretName);
  for (const source of volume.projected?.sources ?? []) {
    configMap(source.configMap?.name);
    secret(source.secret?.name);
  }
  // The volume types that take credentials from a Secret of the Pod's own namespace.
  secret(volume.csi?.nodePublishSecretRef?.name);
  secret(volume.iscsi?.secretRef?.name);
  secret(volume.cephfs?.secretRef?.name);
  secret(volume.rbd?.secretRef?.name);
}

function ofEnv(env: EnvVar, configMap: Found, secret: Found): void {
  configMap(env.valueFrom?.configMapKeyRef?.name);
  secret(env.valueFrom?.secretKeyRef?.name);
}

function ofEnvFrom(from: EnvFromSource, configMap: Found, secret: Found): void {
  configMap(from.configMapRef?.name);
  secret(from.secretRef?.name);
}
