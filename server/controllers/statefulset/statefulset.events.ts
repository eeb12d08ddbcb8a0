import type { EventWords } from '#server/client/event-words.ts';

type Verb = 'Create' | 'Update' | 'Delete';

const said = (err: unknown): string => (err instanceof Error ? err.message : String(err));

export const podDone = (verb: Verb, pod: string, set: string): EventWords => ({
  type: 'Normal',
  reason: `Successful${verb}`,
  message: `${verb.toLowerCase()} Pod ${pod} in StatefulSet ${set} successful`,
});

export const podFailed = (verb: Verb, pod: string, set: string, err: unknown): EventWords => ({
  type: 'Warning',
  reason: `Failed${verb}`,
  message: `${verb.toLowerCase()} Pod ${pod} in StatefulSet ${set} failed error: ${said(err)}`,
});

export const claimCreated = (claim: string, pod: string, set: string): EventWords => ({
  type: 'Normal',
  reason: 'SuccessfulCreate',
  message: `create Claim ${claim} Pod ${pod} in StatefulSet ${set} success`,
});

export const createClaimFailed = (claim: string, pod: string, set: string, err: unknown): EventWords => ({
  type: 'Warning',
  reason: 'FailedCreate',
  message: `create Claim ${claim} for Pod ${pod} in StatefulSet ${set} failed error: ${said(err)}`,
});
