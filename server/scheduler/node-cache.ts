/**
 * What the scheduler believes of each node: the informers' view, plus the Pods that were just bound and that the informer has
 * not shown yet ("assumed"). A node's figures are summed up when a decision needs them, and only after a change there.
 */

import { keyOf } from '#proto/meta/object.ts';
import type { Node, Pod } from '#proto/schema/generated/core-v1.ts';
import { type NodeInfo, nodeInfoOf } from './node-info.plan.ts';

export class NodeCache {
  readonly #nodes = new Map<string, Node>();
  /** By node, then by uid. */
  readonly #pods = new Map<string, Map<string, Pod>>();
  readonly #nodeOfPod = new Map<string, string>();
  readonly #infos = new Map<string, NodeInfo>();
  #all: NodeInfo[] | undefined;

  setNode(node: Node): void {
    this.#nodes.set(keyOf(node), node);
    this.#changed(keyOf(node));
  }

  removeNode(name: string): void {
    this.#nodes.delete(name);
    this.#changed(name);
  }

  /** A bound Pod, as the informer shows it or as it was just assumed. */
  setPod(pod: Pod, nodeName = pod.spec.nodeName): void {
    const uid = pod.metadata.uid ?? keyOf(pod);
    const before = this.#nodeOfPod.get(uid);
    if (before !== undefined && before !== nodeName) this.removePod(pod);
    if (!nodeName) return;
    let pods = this.#pods.get(nodeName);
    if (!pods) {
      pods = new Map();
      this.#pods.set(nodeName, pods);
    }
    pods.set(uid, pod);
    this.#nodeOfPod.set(uid, nodeName);
    this.#changed(nodeName);
  }

  removePod(pod: Pod): void {
    const uid = pod.metadata.uid ?? keyOf(pod);
    const nodeName = this.#nodeOfPod.get(uid);
    if (nodeName === undefined) return;
    this.#nodeOfPod.delete(uid);
    this.#pods.get(nodeName)?.delete(uid);
    this.#changed(nodeName);
  }

  /** Of all nodes; the array is shared until the next change. */
  infos(): readonly NodeInfo[] {
    this.#all ??= [...this.#nodes].map(([name, node]) => this.#infoOf(name, node));
    return this.#all;
  }

  #infoOf(name: string, node: Node): NodeInfo {
    let info = this.#infos.get(name);
    if (!info) {
      info = nodeInfoOf(node, [...(this.#pods.get(name)?.values() ?? [])]);
      this.#infos.set(name, info);
    }
    return info;
  }

  #changed(nodeName: string): void {
    this.#infos.delete(nodeName);
    this.#all = undefined;
  }
}
