/** Which Pods a drain evicts. Pure. The rules are those of `kubectl drain --ignore-daemonsets --delete-emptydir-data`. */
import type { Pod } from '#proto/schema/generated/core-v1.ts';

const MIRROR = 'kubernetes.io/config.mirror';

export interface DrainPlan {
  readonly evict: readonly { readonly namespace: string; readonly name: string; readonly uid: string }[];
  /** `namespace/name` of those that nobody would make again: they stay, and whoever drains is told. */
  readonly left: readonly string[];
}

export function planDrain(pods: readonly Pod[]): DrainPlan {
  const evict = [];
  const left: string[] = [];
  for (const { metadata, status } of pods) {
    const controller = metadata.ownerReferences?.find((owner) => owner.controller);
    const ended = status?.phase === 'Succeeded' || status?.phase === 'Failed';
    if (metadata.annotations?.[MIRROR] !== undefined || controller?.kind === 'DaemonSet' || ended) continue;
    const { namespace = '', name = '', uid = '' } = metadata;
    if (controller) evict.push({ namespace, name, uid });
    else left.push(`${namespace}/${name}`);
  }
  return { evict, left };
}
