import type { Node, Taint } from '#proto/schema/generated/core-v1.ts';
import type { HostPort, PodInfo } from './pod-info.plan.ts';
import { type Amounts, addAmounts, amountsOf, copyAmounts, noAmounts } from './resources.plan.ts';

type Labels = Readonly<Record<string, string>>;

const NO_LABELS: Labels = {};
const NO_TAINTS: readonly Taint[] = [];
const NOBODY: readonly PodInfo[] = [];

/**
 * A node and what is promised to the Pods on it: the filters' and scores' whole view of a node. Sums are kept up to date as
 * Pods come and go. What looks at a node never changes it; who wants to know what would be takes a copy.
 */
export class NodeInfo {
  readonly name: string;
  readonly pods: PodInfo[] = [];
  /** Sum of the requests of the Pods here. */
  readonly requested: Amounts;
  /** The same with a weight for containers that ask for nothing. */
  readonly weight: Amounts;
  node: Node;
  allocatable: Amounts;
  labels: Labels = NO_LABELS;
  /** Taints that keep Pods away. */
  taints: readonly Taint[] = NO_TAINTS;
  /** `PreferNoSchedule` taints. */
  softTaints: readonly Taint[] = NO_TAINTS;
  hostPorts: readonly HostPort[] = [];
  /** Pods that wait for room here, preemptors above all. */
  nominated: readonly PodInfo[] = NOBODY;
  /** Another after each change of the above. */
  generation = 0;
  /** Its own among all nodes that a cluster has had: where to remember what was found out about it. */
  readonly slot: number;
  #images: ReadonlyMap<string, number> | undefined;

  constructor(node: Node, slot = 0, like?: NodeInfo) {
    this.slot = slot;
    this.name = node.metadata.name ?? '';
    this.node = node;
    this.requested = like ? copyAmounts(like.requested) : noAmounts();
    this.weight = like ? copyAmounts(like.weight) : noAmounts();
    this.allocatable = like?.allocatable ?? amountsOf(node.status?.allocatable);
    if (!like) {
      this.#read(node);
      return;
    }
    this.labels = like.labels;
    this.taints = like.taints;
    this.softTaints = like.softTaints;
    this.hostPorts = like.hostPorts;
    this.nominated = like.nominated;
    for (const pod of like.pods) this.pods.push(pod);
  }

  setNode(node: Node): void {
    this.generation++;
    this.node = node;
    this.allocatable = amountsOf(node.status?.allocatable);
    this.#images = undefined;
    this.#read(node);
  }

  setNominated(pods: readonly PodInfo[]): void {
    this.generation++;
    this.nominated = pods;
  }

  add(pod: PodInfo): void {
    this.generation++;
    this.pods.push(pod);
    addAmounts(this.requested, pod.requests);
    addAmounts(this.weight, pod.weight);
    if (pod.hostPorts.length > 0) this.hostPorts = [...this.hostPorts, ...pod.hostPorts];
  }

  /** The Pod as it was added, by its uid. */
  remove(uid: string): void {
    const at = this.pods.findIndex((pod) => pod.uid === uid);
    const pod = this.pods[at];
    if (!pod) return;
    this.generation++;
    this.pods.splice(at, 1);
    addAmounts(this.requested, pod.requests, -1);
    addAmounts(this.weight, pod.weight, -1);
    if (pod.hostPorts.length > 0) this.hostPorts = this.pods.flatMap(({ hostPorts }) => hostPorts);
  }

  /** For a what-if: Pods can be added and removed there without anybody noticing. */
  copy(): NodeInfo {
    return new NodeInfo(this.node, this.slot, this);
  }

  /** Bytes by image name, as the node tells. */
  get images(): ReadonlyMap<string, number> {
    if (!this.#images) {
      const images = new Map<string, number>();
      for (const { names, sizeBytes } of this.node.status?.images ?? [])
        for (const name of names ?? []) images.set(name, sizeBytes ?? 0);
      this.#images = images;
    }
    return this.#images;
  }

  #read({ metadata, spec }: Node): void {
    this.labels = metadata.labels ?? NO_LABELS;
    const taints = spec.taints ?? NO_TAINTS;
    this.softTaints =
      taints.length === 0 ? taints : taints.filter(({ effect }) => effect === 'PreferNoSchedule');
    this.taints = this.softTaints.length === 0 ? taints : taints.filter((t) => !this.softTaints.includes(t));
  }
}

/** A node with these Pods on it. */
export function nodeInfoOf(node: Node, pods: readonly PodInfo[] = []): NodeInfo {
  const info = new NodeInfo(node);
  for (const pod of pods) info.add(pod);
  return info;
}
