import type { Pod } from '#proto/schema/generated/core-v1.ts';
import type { PodMemory } from './memory.ts';
import type { PodIdentity } from './pod-files.ts';
import type { PodsContext } from './pods-options.ts';
import type { Snapshot } from './snapshot.ts';

/** One worker's hands: what every executor works with. */
export interface Hands {
  readonly context: PodsContext;
  readonly memory: PodMemory;
  readonly snapshot: Snapshot;
  /** An event about the pod, or about one container of it. */
  event(type: 'Normal' | 'Warning', reason: string, message: string, container?: string): void;
  /** Look again: something may have moved. */
  wake(): void;
  /** Plan again, from what the runtime was last seen to have. */
  nudge(): void;
  readonly signal: AbortSignal;
  /** The pod is to end, or the agent: what was begun for it is given up. */
  readonly ending: AbortSignal;
}

/** A failed step is tried again after this, or when something that it needs has changed. */
export const RETRY_MS = 10_000;

export function identity(pod: Pod): PodIdentity {
  const { uid = '', namespace = 'default', name = '' } = pod.metadata;
  return { uid, namespace, name };
}
