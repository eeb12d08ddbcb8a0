import type { EventWords } from '#server/client/event-words.ts';

export const scaledReplicaSet = (name: string, from: number, to: number): EventWords => ({
  type: 'Normal',
  reason: 'ScalingReplicaSet',
  message: `Scaled ${to > from ? 'up' : 'down'} replica set ${name} from ${from} to ${to}`,
});

export const selectingAll: EventWords = {
  type: 'Warning',
  reason: 'SelectingAll',
  message: 'This deployment is selecting all pods. A non-empty selector is required.',
};

export const createReplicaSetFailed = (name: string, message: string): EventWords => ({
  type: 'Warning',
  reason: 'ReplicaSetCreateError',
  message: `Failed to create new replica set "${name}": ${message}`,
});
