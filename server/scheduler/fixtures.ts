/** Nodes and Pods as the scheduler's tests want them. */
import type { Container, Node, NodeSpec, Pod, PodSpec } from '#proto/schema/generated/core-v1.ts';
import { type NodeInfo, nodeInfoOf } from './node-info.plan.ts';
import { type PodInfo, podInfoOf } from './pod-info.plan.ts';

export interface NodeParts {
  readonly labels?: Record<string, string>;
  readonly spec?: NodeSpec;
  readonly allocatable?: Record<string, string>;
}

/** A board of four cores and 4 GiB. */
export const aNode = (name = 'board-1', { labels, spec, allocatable }: NodeParts = {}): Node => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name, labels: { 'kubernetes.io/hostname': name, ...labels } },
  spec: spec ?? {},
  status: { allocatable: { cpu: '4', memory: '4Gi', pods: '110', ...allocatable } },
});

export const aContainer = (requests?: Record<string, string>, more: Partial<Container> = {}): Container => ({
  name: 'main',
  image: 'hello',
  ...(requests ? { resources: { requests } } : {}),
  ...more,
});

export const aPod = (
  name = 'web',
  spec: Partial<PodSpec> = {},
  metadata: Partial<Pod['metadata']> = {},
): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'default', ...metadata },
  spec: { containers: [aContainer()], ...spec },
});

export const aPodInfo = (spec: Partial<PodSpec> = {}, metadata: Partial<Pod['metadata']> = {}): PodInfo =>
  podInfoOf(aPod('web', spec, metadata));

export const aNodeInfo = (node: Node = aNode(), pods: readonly Pod[] = []): NodeInfo =>
  nodeInfoOf(node, pods.map(podInfoOf));

export const ownedBy = (uid: string): Partial<Pod['metadata']> => ({
  ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: uid, uid, controller: true }],
});
