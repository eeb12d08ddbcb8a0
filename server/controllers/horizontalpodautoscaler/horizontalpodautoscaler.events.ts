import type { EventWords } from '#server/client/event-words.ts';

export const warning = (reason: string, message: string): EventWords => ({
  type: 'Warning',
  reason,
  message,
});

export const rescaled = (replicas: number, reason: string): EventWords => ({
  type: 'Normal',
  reason: 'SuccessfulRescale',
  message: `New size: ${replicas}; reason: ${reason}`,
});

export const rescaleFailed = (replicas: number, reason: string, error: string): EventWords =>
  warning('FailedRescale', `New size: ${replicas}; reason: ${reason}; error: ${error}`);
