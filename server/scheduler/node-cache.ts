/**
 * What the scheduler believes of each node: the informers' view, plus the Pods that were just placed and that the informer has
 * not shown on their node yet ("assumed").
 * - A node's figures are summed up when a decision needs them, and only after a change there.
 * - The quantities in a Pod's text are read once for each object.
 * - What the informer shows replaces what was assumed, never the other way round.
 */
import { keyOf } from '#proto/meta/object.ts';
import type { Node, Pod } from '#proto/schema/generated/core-v1.ts';
import { type NodeInfo, nodeInfoOf } from './node-info.plan.ts';
import { type PodInfo, podInfoOf } from './pod-info.plan.ts';

interface NodeEntry {
  /** Undefined: Pods were seen on a node that was not, or that has gone. */
  node: Node | undefined;
  readonly pods: Map<string, Pod>;
  info: NodeInfo | undefined;
  /** Is `info` true still? */
  fresh: boolean;
}

interface PlacedPod {
  readonly pod: Pod;
  readonly nodeName: string;
  readonly assumed: boolean;
}

/** A Pod's identity: one of the same name that comes later is another. */
export const uidOf = (pod: Pod): string => pod.metadata.uid ?? keyOf(pod);

export class NodeCache {
  readonly #nodes = new Map<string, NodeEntry>();
  readonly #placed = new Map<string, PlacedPod>();
  readonly #podInfos = new WeakMap<Pod, PodInfo>();
  #all: NodeInfo[] | undefined;

  setNode(node: Node): void {
    this.#change(keyOf(node)).node = node;
  }

  removeNode(name: string): void {
    const entry = this.#change(name);
    entry.node = undefined;
    entry.info = undefined;
    if (entry.pods.size === 0) this.#nodes.delete(name);
  }

  /** A Pod that the informer shows on its node. */
  setPod(pod: Pod): void {
    if (pod.spec.nodeName) this.#place(pod, pod.spec.nodeName, false);
  }

  /** A Pod that is on its way to a node. */
  assumePod(pod: Pod, nodeName: string): void {
    this.#place(pod, nodeName, true);
  }

  isAssumed(uid: string): boolean {
    return this.#placed.get(uid)?.assumed ?? false;
  }

  /** The Pod did not get there. False, and nothing is done, where the informer has said otherwise meanwhile. */
  forgetPod(uid: string): boolean {
    return this.isAssumed(uid) && this.removePod(uid);
  }

  /** Gives whether it held anything. */
  removePod(uid: string): boolean {
    const placed = this.#placed.get(uid);
    if (!placed) return false;
    this.#placed.delete(uid);
    const entry = this.#change(placed.nodeName);
    entry.pods.delete(uid);
    if (entry.pods.size === 0 && !entry.node) this.#nodes.delete(placed.nodeName);
    return true;
  }

  /** Of all nodes; the array and all that it holds are shared until the next change there. */
  infos(): readonly NodeInfo[] {
    this.#all ??= [...this.#nodes.values()].flatMap((entry) => {
      if (!entry.node) return [];
      if (!entry.info || !entry.fresh) {
        const pods = [...entry.pods.values()].map((pod) => this.podInfo(pod));
        entry.info = nodeInfoOf(entry.node, pods, entry.info);
        entry.fresh = true;
      }
      return [entry.info];
    });
    return this.#all;
  }

  podInfo(pod: Pod): PodInfo {
    let info = this.#podInfos.get(pod);
    if (!info) {
      info = podInfoOf(pod);
      this.#podInfos.set(pod, info);
    }
    return info;
  }

  #place(pod: Pod, nodeName: string, assumed: boolean): void {
    const uid = uidOf(pod);
    const before = this.#placed.get(uid);
    if (before && before.nodeName !== nodeName) this.removePod(uid);
    this.#placed.set(uid, { pod, nodeName, assumed });
    this.#change(nodeName).pods.set(uid, pod);
  }

  #change(nodeName: string): NodeEntry {
    let entry = this.#nodes.get(nodeName);
    if (!entry) {
      entry = { node: undefined, pods: new Map(), info: undefined, fresh: false };
      this.#nodes.set(nodeName, entry);
    }
    entry.fresh = false;
    this.#all = undefined;
    return entry;
  }
}
