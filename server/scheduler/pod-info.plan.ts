import type { Container, Pod } from '#proto/schema/generated/core-v1.ts';
import { type AffinityTerms, affinityTermsOf } from './affinity-terms.plan.ts';
import { DEADLINE, POD_GROUP, POD_GROUP_MIN, POD_GROUP_TIMEOUT } from './annotations.plan.ts';
import { type Amounts, podRequests, podWeight } from './resources.plan.ts';

/** A host port as conflicts see it. `ip` is `0.0.0.0` for all addresses. */
export interface HostPort {
  readonly ip: string;
  readonly protocol: string;
  readonly port: number;
}

/** A Pod and what it asks of a node, read from its text once. */
export interface PodInfo {
  readonly pod: Pod;
  /** Of this Pod and no later one of its name. */
  readonly uid: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>> | undefined;
  readonly priority: number;
  readonly requests: Readonly<Amounts>;
  /** The same with a weight for containers that ask for nothing. */
  readonly weight: Readonly<Amounts>;
  readonly hostPorts: readonly HostPort[];
  readonly terms: AffinityTerms;
  /** `namespace/name` of the claims that its volumes use. */
  readonly claims: readonly string[];
  /** Epoch milliseconds; infinity where it has none. */
  readonly deadline: number;
  readonly group: PodGroup | undefined;
  /** Equal for Pods of which the rules on one node at a time say the same, and that may send the same Pods away. */
  readonly localKey: string;
}

/** What one Pod says of the group that it is placed with. */
export interface PodGroup {
  /** `namespace/name`. */
  readonly key: string;
  readonly minMember: number;
  readonly timeoutMs: number;
}

const NONE: readonly never[] = [];

export function podInfoOf(pod: Pod): PodInfo {
  const { namespace = '', name = '', uid, labels } = pod.metadata;
  let localKey: string | undefined;
  const info: PodInfo = {
    pod,
    uid: uid ?? `${namespace}/${name}`,
    namespace,
    labels,
    priority: pod.spec.priority ?? 0,
    requests: podRequests(pod),
    weight: podWeight(pod),
    hostPorts: hostPortsOf(pod),
    terms: affinityTermsOf(pod),
    claims: claimsOf(pod),
    deadline: deadlineOf(pod),
    group: groupOf(pod),
    get localKey() {
      localKey ??= localKeyOf(info);
      return localKey;
    },
  };
  return info;
}

function localKeyOf({ pod: { spec }, priority, requests, hostPorts }: PodInfo): string {
  const { preemptionPolicy, nodeName, nodeSelector, tolerations, affinity } = spec;
  const nodes = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  const parts = [priority, preemptionPolicy, requests, hostPorts, nodeName, nodeSelector, nodes, tolerations];
  return JSON.stringify(parts);
}

function deadlineOf({ metadata: { annotations } }: Pod): number {
  const text = annotations?.[DEADLINE];
  const at = text === undefined ? Number.NaN : Date.parse(text);
  return Number.isNaN(at) ? Number.POSITIVE_INFINITY : at;
}

function groupOf({ metadata: { namespace, labels, annotations } }: Pod): PodGroup | undefined {
  const name = labels?.[POD_GROUP] ?? annotations?.[POD_GROUP];
  if (!name) return undefined;
  return {
    key: `${namespace}/${name}`,
    minMember: Math.max(1, whole(annotations?.[POD_GROUP_MIN]) ?? 1),
    timeoutMs: (whole(annotations?.[POD_GROUP_TIMEOUT]) ?? 600) * 1000,
  };
}

const whole = (text: string | undefined): number | undefined =>
  text !== undefined && /^\d{1,6}$/.test(text) ? Number(text) : undefined;

/** Of containers that run at the same time: an ordinary init container listens to nothing. */
export function hostPortsOf({ spec }: Pod): readonly HostPort[] {
  const ports: HostPort[] = [];
  const add = (container: Container): void => {
    for (const { hostPort, hostIP, protocol } of container.ports ?? [])
      if ((hostPort ?? 0) > 0)
        ports.push({ ip: hostIP || '0.0.0.0', protocol: protocol ?? 'TCP', port: hostPort ?? 0 });
  };
  for (const container of spec.containers) add(container);
  for (const container of spec.initContainers ?? []) if (container.restartPolicy === 'Always') add(container);
  return ports.length === 0 ? NONE : ports;
}

/** An ephemeral volume's claim has the name of its Pod and the volume. */
function claimsOf({ metadata: { namespace, name }, spec }: Pod): readonly string[] {
  const claims: string[] = [];
  for (const volume of spec.volumes ?? []) {
    if (volume.persistentVolumeClaim) claims.push(`${namespace}/${volume.persistentVolumeClaim.claimName}`);
    else if (volume.ephemeral) claims.push(`${namespace}/${name}-${volume.name}`);
  }
  return claims.length === 0 ? NONE : claims;
}

/** A Pod whose containers have all ended holds nothing any more. */
export const isFinished = (pod: Pod): boolean =>
  pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';

export const isTerminating = ({ pod }: PodInfo): boolean => pod.metadata.deletionTimestamp !== undefined;

/** Does it ask for company or distance? Then it is counted where nodes with such Pods are looked for. */
export const hasTerms = ({ terms }: PodInfo): boolean =>
  terms.required.length + terms.requiredAnti.length + terms.preferred.length + terms.preferredAnti.length > 0;
