import type { Pod } from '#proto/schema/generated/core-v1.ts';
import type { EventWords } from '#server/client/event-words.ts';

export const nodeNotReady = (name: string): EventWords => ({
  type: 'Normal',
  reason: 'NodeNotReady',
  message: `Node ${name} status is now: NodeNotReady`,
});

export const podNodeNotReady: EventWords = {
  type: 'Warning',
  reason: 'NodeNotReady',
  message: 'Node is not ready',
};

export const taintEviction = ({ metadata }: Pod): EventWords => ({
  type: 'Normal',
  reason: 'TaintManagerEviction',
  message: `Marking for deletion Pod ${metadata.namespace}/${metadata.name}`,
});

export const taintEvictionCancelled = ({ metadata }: Pod): EventWords => ({
  type: 'Normal',
  reason: 'TaintManagerEviction',
  message: `Cancelling deletion of Pod ${metadata.namespace}/${metadata.name}`,
});
