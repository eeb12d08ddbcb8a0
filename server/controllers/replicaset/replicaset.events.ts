import type { EventWords } from '#server/client/event-words.ts';

const said = (err: unknown): string => (err instanceof Error ? err.message : String(err));

export const createdPod = (name: string): EventWords => ({
  type: 'Normal',
  reason: 'SuccessfulCreate',
  message: `Created pod: ${name}`,
});

export const createPodFailed = (err: unknown): EventWords => ({
  type: 'Warning',
  reason: 'FailedCreate',
  message: `Error creating: ${said(err)}`,
});

export const deletedPod = (name: string): EventWords => ({
  type: 'Normal',
  reason: 'SuccessfulDelete',
  message: `Deleted pod: ${name}`,
});

export const deletePodFailed = (err: unknown): EventWords => ({
  type: 'Warning',
  reason: 'FailedDelete',
  message: `Error deleting: ${said(err)}`,
});
