/**
 * What the scheduler believes of the cluster: the informers' view, plus the Pods that were just placed and that the informer
 * has not shown on their node yet ("assumed"), plus those that wait for room that is being made ("nominated").
 * - Sums and counts change with what changes; nothing is summed up anew for a decision.
 * - The quantities in a Pod's text are read once for each object.
 * - What the informer shows replaces what was assumed, never the other way round.
 */
import { keyOf } from '#proto/meta/object.ts';
import type { Node, Pod } from '#proto/schema/generated/core-v1.ts';
import type { Cluster, Counted, Counts, ExistingTerm } from './cluster.plan.ts';
import { NodeInfo } from './node-info.plan.ts';
import { isTerminating, type PodInfo, podInfoOf } from './pod-info.plan.ts';
import type { Amounts } from './resources.plan.ts';
import { ZONE } from './spread-constraints.plan.ts';
import { TopologyIndex } from './topology-index.plan.ts';

/** What the cache does not keep itself. */
export type ClusterViews = Pick<Cluster, 'volumes' | 'namespaceLabels' | 'defaultSelector' | 'budgets'>;

export interface PlacedPod {
  readonly info: PodInfo;
  readonly nodeName: string;
  readonly assumed: boolean;
}

/** A Pod's identity: one of the same name that comes later is another. */
export const uidOf = (pod: Pod): string => pod.metadata.uid ?? keyOf(pod);

const NOBODY: readonly PodInfo[] = [];

export class NodeCache implements Cluster {
  readonly #views: ClusterViews;
  readonly #nodes = new Map<string, NodeInfo>();
  readonly #placed = new Map<string, PlacedPod>();
  /** Pods on nodes that are not there yet, or not any more. */
  readonly #strays = new Map<string, Map<string, PodInfo>>();
  readonly #podInfos = new WeakMap<Pod, PodInfo>();
  readonly #index = new TopologyIndex();
  readonly #claimUsers = new Map<string, PodInfo[]>();
  readonly #nominated = new Map<string, readonly PodInfo[]>();
  readonly #nominations = new Map<string, string>();
  readonly #imageNodes = new Map<string, number>();
  #slots = 0;
  /** Nominated Pods that require distance. */
  #minding = 0;
  #all: readonly NodeInfo[] | undefined;

  constructor(views: ClusterViews) {
    this.#views = views;
  }

  get nodes(): readonly NodeInfo[] {
    this.#all ??= mixZones(this.#nodes.values());
    return this.#all;
  }

  get volumes(): Cluster['volumes'] {
    return this.#views.volumes;
  }

  node(name: string): NodeInfo | undefined {
    return this.#nodes.get(name);
  }

  counts(counted: Counted): Counts {
    return this.#index.counts(counted, this.nodes);
  }

  existingTerms(): Iterable<ExistingTerm> {
    return this.#index.existingTerms();
  }

  namespaceLabels(namespace: string): ReturnType<Cluster['namespaceLabels']> {
    return this.#views.namespaceLabels(namespace);
  }

  get nominatedMind(): boolean {
    return this.#minding > 0;
  }

  nominated(nodeName: string): readonly PodInfo[] {
    return this.#nominated.get(nodeName) ?? NOBODY;
  }

  claimUsers(key: string): readonly PodInfo[] {
    return this.#claimUsers.get(key) ?? NOBODY;
  }

  defaultSelector(pod: PodInfo): ReturnType<Cluster['defaultSelector']> {
    return this.#views.defaultSelector(pod);
  }

  budgets(): ReturnType<Cluster['budgets']> {
    return this.#views.budgets();
  }

  nodesWithImage(name: string): number {
    let count = this.#imageNodes.get(name);
    if (count === undefined) {
      count = 0;
      for (const node of this.#nodes.values()) if (node.images.has(name)) count++;
      this.#imageNodes.set(name, count);
    }
    return count;
  }

  setNode(node: Node): NodeInfo {
    const name = keyOf(node);
    const known = this.#nodes.get(name);
    if (!known) {
      this.#slots++;
      const info = new NodeInfo(node, this.#slots);
      info.setNominated(this.nominated(name));
      this.#nodes.set(name, info);
      this.#all = undefined;
      this.#forgetCounts();
      for (const pod of this.#strays.get(name)?.values() ?? []) this.#enter(pod, info);
      this.#strays.delete(name);
      return info;
    }
    const moved = placeOf(known.node) !== placeOf(node);
    if (moved) for (const pod of known.pods) this.#index.remove(pod, known);
    known.setNode(node);
    if (moved) {
      this.#forgetCounts();
      this.#all = undefined;
      for (const pod of known.pods) this.#index.add(pod, known);
    }
    this.#imageNodes.clear();
    return known;
  }

  removeNode(name: string): void {
    const node = this.#nodes.get(name);
    if (!node) return;
    const strays = new Map<string, PodInfo>();
    for (const pod of [...node.pods]) {
      this.#leave(pod, node);
      strays.set(pod.uid, pod);
    }
    if (strays.size > 0) this.#strays.set(name, strays);
    this.#nodes.delete(name);
    this.#all = undefined;
    this.#forgetCounts();
  }

  /** A namespace's labels have changed: terms select other namespaces now. */
  namespacesChanged(): void {
    this.#index.forget();
  }

  /** A Pod that the informer shows on its node. */
  setPod(pod: Pod): void {
    if (pod.spec.nodeName) this.#place(this.podInfo(pod), pod.spec.nodeName, false);
  }

  /** A Pod that is on its way to a node. */
  assumePod(pod: PodInfo, nodeName: string): void {
    this.#place(pod, nodeName, true);
  }

  isAssumed(uid: string): boolean {
    return this.#placed.get(uid)?.assumed ?? false;
  }

  /** Where the Pod is, or is about to be. */
  placeOf(uid: string): string | undefined {
    return this.#placed.get(uid)?.nodeName;
  }

  /** The Pod did not get there. False, and nothing is done, where the informer has said otherwise meanwhile. */
  forgetPod(uid: string): boolean {
    return this.isAssumed(uid) && this.removePod(uid) !== undefined;
  }

  /** Gives what was held, and where. */
  removePod(uid: string): PlacedPod | undefined {
    const placed = this.#placed.get(uid);
    if (!placed) return undefined;
    this.#placed.delete(uid);
    const node = this.#nodes.get(placed.nodeName);
    if (node) this.#leave(placed.info, node);
    else this.#strays.get(placed.nodeName)?.delete(uid);
    return placed;
  }

  /** As it was before {@link removePod}. */
  restorePod({ info, nodeName, assumed }: PlacedPod): void {
    this.#place(info, nodeName, assumed);
  }

  /** The Pod waits for room on this node; undefined: for none in particular. */
  nominate(pod: PodInfo, nodeName: string | undefined): void {
    const before = this.#nominations.get(pod.uid);
    if (before !== undefined) {
      this.#nominations.delete(pod.uid);
      const left = this.nominated(before);
      if (left.some(({ uid, terms }) => uid === pod.uid && terms.requiredAnti.length > 0)) this.#minding--;
      this.#setNominated(
        before,
        left.filter(({ uid }) => uid !== pod.uid),
      );
    }
    if (nodeName === undefined) return;
    this.#nominations.set(pod.uid, nodeName);
    if (pod.terms.requiredAnti.length > 0) this.#minding++;
    this.#setNominated(nodeName, [...this.nominated(nodeName), pod]);
  }

  #setNominated(nodeName: string, pods: readonly PodInfo[]): void {
    if (pods.length > 0) this.#nominated.set(nodeName, pods);
    else this.#nominated.delete(nodeName);
    this.#nodes.get(nodeName)?.setNominated(pods);
  }

  nominationOf(uid: string): string | undefined {
    return this.#nominations.get(uid);
  }

  podInfo(pod: Pod): PodInfo {
    let info = this.#podInfos.get(pod);
    if (!info) {
      info = podInfoOf(pod);
      this.#podInfos.set(pod, info);
    }
    return info;
  }

  #place(info: PodInfo, nodeName: string, assumed: boolean): void {
    const before = this.#placed.get(info.uid);
    this.#placed.set(info.uid, { info, nodeName, assumed });
    const node = this.#nodes.get(nodeName);
    if (before?.nodeName === nodeName && node && holdsTheSame(before.info, info)) {
      const at = node.pods.indexOf(before.info);
      if (at >= 0) node.pods[at] = info;
      node.generation++;
      return;
    }
    if (before) {
      const old = this.#nodes.get(before.nodeName);
      if (old) this.#leave(before.info, old);
      else this.#strays.get(before.nodeName)?.delete(info.uid);
    }
    if (node) {
      this.#enter(info, node);
      return;
    }
    let strays = this.#strays.get(nodeName);
    if (!strays) {
      strays = new Map();
      this.#strays.set(nodeName, strays);
    }
    strays.set(info.uid, info);
  }

  #enter(pod: PodInfo, node: NodeInfo): void {
    node.add(pod);
    this.#index.add(pod, node);
    for (const key of pod.claims) this.#claimUsers.set(key, [...this.claimUsers(key), pod]);
  }

  #leave(pod: PodInfo, node: NodeInfo): void {
    node.remove(pod.uid);
    this.#index.remove(pod, node);
    for (const key of pod.claims) {
      const left = this.claimUsers(key).filter(({ uid }) => uid !== pod.uid);
      if (left.length > 0) this.#claimUsers.set(key, left);
      else this.#claimUsers.delete(key);
    }
  }

  #forgetCounts(): void {
    this.#index.forget();
    this.#imageNodes.clear();
  }
}

/** What counts of Pods by place depend on. */
const placeOf = ({ metadata, spec }: Node): string => JSON.stringify([metadata.labels, spec.taints]);

/** Is only its status another, or something else that no sum and no count is made of? */
function holdsTheSame(a: PodInfo, b: PodInfo): boolean {
  return (
    isTerminating(a) === isTerminating(b) &&
    sameAmounts(a.requests, b.requests) &&
    sameAmounts(a.weight, b.weight) &&
    a.hostPorts.length === b.hostPorts.length &&
    a.claims.length === b.claims.length &&
    sameLabels(a.labels, b.labels)
  );
}

const sameAmounts = (a: Readonly<Amounts>, b: Readonly<Amounts>): boolean =>
  a.cpu === b.cpu &&
  a.memory === b.memory &&
  a.storage === b.storage &&
  (a.others === b.others || JSON.stringify(a.others) === JSON.stringify(b.others));

function sameLabels(a: PodInfo['labels'] = {}, b: PodInfo['labels'] = {}): boolean {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name]);
}

/** Zones in turns, so that a sample of the nodes has some of each. Rule: upstream's node tree. */
function mixZones(nodes: Iterable<NodeInfo>): readonly NodeInfo[] {
  const zones = new Map<string, NodeInfo[]>();
  for (const node of nodes) {
    const zone = node.labels[ZONE] ?? '';
    const known = zones.get(zone);
    if (known) known.push(node);
    else zones.set(zone, [node]);
  }
  const lists = [...zones.values()];
  if (lists.length <= 1) return lists[0] ?? [];
  const longest = Math.max(...lists.map((list) => list.length));
  return Array.from({ length: longest }, (_, i) => lists.flatMap((list) => list[i] ?? [])).flat();
}
