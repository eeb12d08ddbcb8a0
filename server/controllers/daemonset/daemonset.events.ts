import type { Pod } from '#proto/schema/generated/core-v1.ts';
import type { EventWords } from '#server/client/event-words.ts';

const named = ({ metadata }: Pod): string => `${metadata.namespace}/${metadata.name}`;

export const failedPod = (pod: Pod, node: string): EventWords => ({
  type: 'Warning',
  reason: 'FailedDaemonPod',
  message: `Found failed daemon pod ${named(pod)} on node ${node}, will try to kill it`,
});

export const succeededPod = (pod: Pod, node: string): EventWords => ({
  type: 'Normal',
  reason: 'SucceededDaemonPod',
  message: `Found succeeded daemon pod ${named(pod)} on node ${node}, will try to delete it`,
});

export const selectingAll: EventWords = {
  type: 'Warning',
  reason: 'SelectingAll',
  message: 'This daemon set is selecting all pods. A non-empty selector is required.',
};
