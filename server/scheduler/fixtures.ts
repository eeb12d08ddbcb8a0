/** Nodes and Pods as the scheduler's tests want them. */
import type { Container, Node, NodeSpec, Pod, PodSpec } from '#proto/schema/generated/core-v1.ts';
import type { Filter } from './filter/filter.ts';
import { type ClusterViews, NodeCache } from './node-cache.ts';
import { type NodeInfo, nodeInfoOf } from './node-info.plan.ts';
import { type PodInfo, podInfoOf } from './pod-info.plan.ts';
import type { Amounts } from './resources.plan.ts';

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

/** What is not zero, by resource name. */
export function nonZero({ cpu, memory, storage, pods, others }: Readonly<Amounts>): Record<string, number> {
  const all = { cpu, memory, 'ephemeral-storage': storage, pods, ...others };
  return Object.fromEntries(Object.entries(all).filter(([, amount]) => amount !== 0));
}

const NO_VIEWS: ClusterViews = {
  volumes: {
    claim: () => undefined,
    volume: () => undefined,
    volumes: () => [],
    storageClass: () => undefined,
  },
  namespaceLabels: () => undefined,
  defaultSelector: () => undefined,
  budgets: () => [],
};

/** These nodes with the Pods on them, as the scheduler knows a cluster. */
export function aCluster(infos: readonly NodeInfo[], views: Partial<ClusterViews> = {}): NodeCache {
  const cache = new NodeCache({ ...NO_VIEWS, ...views });
  for (const { node, name, pods } of infos) {
    cache.setNode(node);
    for (const [i, { pod }] of pods.entries()) {
      const metadata = { ...pod.metadata, uid: pod.metadata.uid ?? `${name}/${i}` };
      cache.setPod({ ...pod, metadata, spec: { ...pod.spec, nodeName: name } });
    }
  }
  return cache;
}

/** Why the filter refuses the node; empty where it does not. `cluster` is where the node is in. */
export function reasonsOf(
  filter: Filter,
  pod: PodInfo,
  node: NodeInfo,
  cluster: NodeCache = aCluster([node]),
): readonly string[] {
  const prepared = filter.prepare(pod, cluster);
  if (prepared === undefined) return [];
  const refusal = typeof prepared === 'function' ? prepared(cluster.node(node.name) ?? node) : prepared;
  return refusal?.reasons ?? [];
}
