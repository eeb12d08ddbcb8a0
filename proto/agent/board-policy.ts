/**
 * NetworkPolicies as boards get them. The server turns the selectors of peers into groups of addresses, once for all boards and all
 * policies that select alike: a board needs neither the Pods nor the namespaces of others, and has what it needs on its disk.
 */
import type { KubeObject } from '#proto/meta/object.ts';
import type { PodSpec } from '#proto/schema/generated/core-v1.ts';
import type { LabelSelector } from '#proto/schema/generated/meta-v1.ts';
import type { IPBlock, NetworkPolicyPort } from '#proto/schema/generated/networking-v1.ts';

/** One of the rules that let traffic in or out: whatever matches one peer and one port. */
export interface BoardPolicyRule {
  /** Absent: everybody. */
  readonly peers?: readonly BoardPolicyPeer[];
  /** Absent: all ports of all protocols. */
  readonly ports?: readonly NetworkPolicyPort[];
  /** Egress to named ports without a group: the one that has all Pods with their ports. */
  readonly everyPod?: string;
}

export type BoardPolicyPeer = { readonly group: string } | { readonly block: IPBlock };

/** In the feed as `networkpolicies`. */
export interface BoardPolicy extends KubeObject {
  /** Of the Pods in its namespace that it isolates. */
  readonly podSelector: LabelSelector;
  /** Absent: what comes in is not this policy's affair. Empty: nothing comes in by it. */
  readonly ingress?: readonly BoardPolicyRule[];
  readonly egress?: readonly BoardPolicyRule[];
}

/** In the feed as `addressgroups`: who a peer of a policy is, at the moment. */
export interface AddressGroup extends KubeObject {
  readonly members: readonly GroupMember[];
}

export interface GroupMember {
  readonly ips: readonly string[];
  /** Only where a policy asks for a port by name. */
  readonly ports?: readonly NamedPort[];
}

export interface NamedPort {
  readonly name: string;
  /** `tcp`, `udp`, `sctp` */
  readonly protocol: string;
  readonly port: number;
}

/** The ports that a Pod's containers have given a name. */
export function namedPorts({ initContainers = [], containers }: PodSpec): NamedPort[] {
  return [...initContainers, ...containers].flatMap(({ ports }) =>
    (ports ?? []).flatMap(({ name, containerPort, protocol = 'TCP' }) =>
      name ? [{ name, protocol: protocol.toLowerCase(), port: containerPort }] : [],
    ),
  );
}
