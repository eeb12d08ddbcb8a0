import type { JobCondition } from '#proto/schema/generated/batch-v1.ts';
import type { EventWords } from '#server/client/event-words.ts';

export const suspended: EventWords = { type: 'Normal', reason: 'Suspended', message: 'Job suspended' };
export const resumed: EventWords = { type: 'Normal', reason: 'Resumed', message: 'Job resumed' };
export const completed: EventWords = { type: 'Normal', reason: 'Completed', message: 'Job completed' };

export const tooManySucceeded: EventWords = {
  type: 'Warning',
  reason: 'TooManySucceededPods',
  message: 'Too many succeeded pods running after completion count reached',
};

export const failed = ({ reason, message }: JobCondition): EventWords => ({
  type: 'Warning',
  reason: reason ?? '',
  message: message ?? '',
});
