/** NetworkPolicies as boards get them, see `proto/agent/board-policy.ts`. Rule: upstream's `pkg/apis/networking` and its documentation. */
import {
  type AddressGroup,
  type BoardPolicy,
  type BoardPolicyPeer,
  type BoardPolicyRule,
  type GroupMember,
  namedPorts,
} from '#proto/agent/board-policy.ts';
import type { Labels } from '#proto/meta/selector.ts';
import { matchesLabels, type Selector, selectorFromObject } from '#proto/meta/selector.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import type { LabelSelector } from '#proto/schema/generated/meta-v1.ts';
import type {
  NetworkPolicy,
  NetworkPolicyPeer,
  NetworkPolicyPort,
} from '#proto/schema/generated/networking-v1.ts';

/** Which Pods are in a group. */
export interface PodGroup {
  /** In this namespace alone; else in those that `namespaces` selects. */
  readonly namespace: string | undefined;
  readonly namespaces: Selector;
  readonly pods: Selector;
  /** Whether members are told with their named ports. */
  readonly ports: boolean;
}

export interface CompiledPolicy {
  readonly policy: BoardPolicy;
  readonly pods: Selector;
  /** By name. */
  readonly groups: ReadonlyMap<string, PodGroup>;
}

/** `nameOf` makes a name of a text: the same for the same, another for another. Throws `SelectorError` on what is no selector. */
export function compilePolicy(source: NetworkPolicy, nameOf: (text: string) => string): CompiledPolicy {
  const { metadata, spec } = source;
  const groups = new Map<string, PodGroup>();
  const namespace = metadata.namespace ?? '';
  const types = spec.policyTypes ?? ['Ingress', ...(spec.egress && spec.egress.length > 0 ? ['Egress'] : [])];

  const group = (peer: NetworkPolicyPeer, ports: boolean): string => {
    const { namespaceSelector, podSelector = {} } = peer;
    const own = namespaceSelector ? undefined : namespace;
    const name = nameOf(
      JSON.stringify([own ?? null, canonical(namespaceSelector ?? {}), canonical(podSelector), ports]),
    );
    groups.set(name, {
      namespace: own,
      namespaces: selectorFromObject(namespaceSelector ?? {}),
      pods: selectorFromObject(podSelector),
      ports,
    });
    return name;
  };
  const rule = (
    peers: readonly NetworkPolicyPeer[] | undefined,
    ports: readonly NetworkPolicyPort[] | undefined,
    named: boolean,
  ): BoardPolicyRule => {
    const told = (peers ?? []).map(
      (peer): BoardPolicyPeer => (peer.ipBlock ? { block: peer.ipBlock } : { group: group(peer, named) }),
    );
    const anywhere = told.length === 0 || told.some((peer) => 'block' in peer);
    return {
      ...(told.length > 0 ? { peers: told } : {}),
      ...(ports && ports.length > 0 ? { ports } : {}),
      ...(named && anywhere ? { everyPod: group({ namespaceSelector: {} }, true) } : {}),
    };
  };

  const policy: BoardPolicy = {
    metadata: { namespace, name: metadata.name, uid: metadata.uid },
    podSelector: spec.podSelector,
    // A named port is one of whom the connection goes to: on its way in that is a Pod of the board, which knows it.
    ...(types.includes('Ingress')
      ? { ingress: (spec.ingress ?? []).map(({ from, ports }) => rule(from, ports, false)) }
      : {}),
    ...(types.includes('Egress')
      ? { egress: (spec.egress ?? []).map(({ to, ports }) => rule(to, ports, hasNames(ports))) }
      : {}),
  };
  return { policy, pods: selectorFromObject(spec.podSelector), groups };
}

const hasNames = (ports: readonly NetworkPolicyPort[] | undefined): boolean =>
  ports?.some(({ port }) => typeof port === 'string') ?? false;

/** Two selectors that differ only in the order of their labels are one. */
function canonical({ matchLabels, matchExpressions }: LabelSelector): unknown {
  return [Object.entries(matchLabels ?? {}).sort(([a], [b]) => (a < b ? -1 : 1)), matchExpressions ?? []];
}

export type NamespaceLabels = (namespace: string) => Labels | undefined;

/** Whether a Pod belongs to a group. One on its board's network does not: nobody can tell it from its board. */
export function isMember(group: PodGroup, pod: Pod, labelsOf: NamespaceLabels): boolean {
  const { namespace = '', labels } = pod.metadata;
  if (!isAddressed(pod)) return false;
  if (
    group.namespace !== undefined ? group.namespace !== namespace : !inNamespaces(group, namespace, labelsOf)
  )
    return false;
  return matchesLabels(group.pods, labels);
}

function inNamespaces(group: PodGroup, namespace: string, labelsOf: NamespaceLabels): boolean {
  if (group.namespaces.requirements.length === 0) return true;
  const labels = labelsOf(namespace);
  return labels !== undefined && matchesLabels(group.namespaces, labels);
}

/** The address of a Pod that has ended may be another's by now. */
function isAddressed({ spec, status }: Pod): boolean {
  const ended = status?.phase === 'Succeeded' || status?.phase === 'Failed';
  return !spec.hostNetwork && !ended && (status?.podIPs ?? []).length > 0;
}

/** Whether what groups see of a Pod is the same before and after a change of it. */
export const looksSame = (before: Pod, after: Pod): boolean =>
  isAddressed(before) === isAddressed(after) &&
  JSON.stringify([before.metadata.labels, before.status?.podIPs]) ===
    JSON.stringify([after.metadata.labels, after.status?.podIPs]);

export function planGroup(
  name: string,
  group: PodGroup,
  pods: Iterable<Pod>,
  labelsOf: NamespaceLabels,
): AddressGroup {
  const members: GroupMember[] = [];
  for (const pod of pods) {
    if (!isMember(group, pod, labelsOf)) continue;
    const ips = (pod.status?.podIPs ?? []).flatMap(({ ip }) => (ip ? [ip] : []));
    const ports = group.ports ? namedPorts(pod.spec) : [];
    members.push({ ips, ...(ports.length > 0 ? { ports } : {}) });
  }
  members.sort((a, b) => ((a.ips[0] ?? '') < (b.ips[0] ?? '') ? -1 : 1));
  return { metadata: { name }, members };
}
