/** Tells a Pod, and whoever looks at it, why it has no node. */
import { pods } from '#proto/api/core/pods.ts';
import type { Clock } from '#proto/meta/clock.ts';
import type { Logger } from '#proto/meta/log.ts';
import { keyOf, parseKey } from '#proto/meta/object.ts';
import { isConflict, isNotFound } from '#proto/meta/status-error.ts';
import { timestamp } from '#proto/meta/timestamp.ts';
import type { Pod, PodCondition } from '#proto/schema/generated/core-v1.ts';
import type { ApiClient } from '#server/client/client.ts';
import type { EventRecorder } from '#server/client/events.ts';

export interface PodStatusDeps {
  readonly client: ApiClient;
  readonly events: EventRecorder;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface NoNode {
  readonly reason: 'Unschedulable' | 'SchedulerError';
  readonly message: string;
  /** '' where the Pod waits for no node any more; undefined leaves what is there. */
  readonly nominatedNode?: string | undefined;
}

/** Longer notes are no valid events. Upstream's limit. */
const NOTE_LENGTH = 1024;

/** An event each time, the condition and the nominated node where they say something new. */
export async function tellNoNode(deps: PodStatusDeps, pod: Pod, why: NoNode): Promise<void> {
  const { events, clock } = deps;
  const { reason, message, nominatedNode } = why;
  events.event(pod, { type: 'Warning', reason: 'FailedScheduling', message: shortened(message) });
  const known = pod.status?.conditions?.find((c) => c.type === 'PodScheduled');
  const still = known?.status === 'False';
  const nominated = nominatedNode !== undefined && nominatedNode !== (pod.status?.nominatedNodeName ?? '');
  if (still && known.reason === reason && known.message === message && !nominated) return;
  const now = timestamp(clock.now());
  const condition: PodCondition = {
    type: 'PodScheduled',
    observedGeneration: pod.metadata.generation,
    status: 'False',
    reason,
    message,
    lastTransitionTime: still ? (known.lastTransitionTime ?? now) : now,
  };
  await patchStatus(deps, pod, {
    conditions: [condition],
    ...(nominated ? { nominatedNodeName: nominatedNode || null } : {}),
  });
}

export async function clearNomination(deps: PodStatusDeps, pod: Pod): Promise<void> {
  await patchStatus(deps, pod, { nominatedNodeName: null });
}

async function patchStatus({ client, log }: PodStatusDeps, pod: Pod, status: object): Promise<void> {
  // With the uid: a later Pod of the same name is another one.
  const patch = { metadata: { uid: pod.metadata.uid }, status };
  try {
    await client.patch(pods, parseKey(keyOf(pod)), 'strategic', patch, { subresource: 'status' });
  } catch (err) {
    if (isNotFound(err) || isConflict(err)) return;
    log.warn('the reason could not be written to the Pod', { pod: keyOf(pod), err });
  }
}

const shortened = (message: string): string =>
  message.length <= NOTE_LENGTH ? message : `${message.slice(0, NOTE_LENGTH - 4)} ...`;
