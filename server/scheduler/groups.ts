/** Which Pods belong together: those that wait and those that have a node, by the group's `namespace/name`. */
import type { PodInfo } from './pod-info.plan.ts';

interface Group {
  readonly waiting: Map<string, PodInfo>;
  readonly placed: Set<string>;
}

export class PodGroups {
  readonly #groups = new Map<string, Group>();
  readonly #keys = new Map<string, string>();

  /** A Pod as the informer shows it. */
  set(pod: PodInfo, placed: boolean): void {
    if (this.#keys.get(pod.uid) !== pod.group?.key) this.remove(pod.uid);
    if (!pod.group) return;
    const { key } = pod.group;
    this.#keys.set(pod.uid, key);
    let group = this.#groups.get(key);
    if (!group) {
      group = { waiting: new Map(), placed: new Set() };
      this.#groups.set(key, group);
    }
    if (placed) {
      group.waiting.delete(pod.uid);
      group.placed.add(pod.uid);
    } else {
      group.waiting.set(pod.uid, pod);
    }
  }

  remove(uid: string): void {
    const key = this.#keys.get(uid);
    const group = key === undefined ? undefined : this.#groups.get(key);
    if (key === undefined || !group) return;
    this.#keys.delete(uid);
    group.waiting.delete(uid);
    group.placed.delete(uid);
    if (group.waiting.size + group.placed.size === 0) this.#groups.delete(key);
  }

  waiting(key: string): readonly PodInfo[] {
    return [...(this.#groups.get(key)?.waiting.values() ?? [])];
  }

  placed(key: string): number {
    return this.#groups.get(key)?.placed.size ?? 0;
  }
}
