import type { ObjectReference } from '#proto/schema/generated/core-v1.ts';
import type { EventWords } from '#server/client/event-words.ts';

/** As kubelets refer to their node: the uid is its name, because `kubectl describe` looks for that. */
export const nodeReference = (name: string): ObjectReference => ({ kind: 'Node', name, uid: name });

/** Somebody must be able to see that a name went to another key. */
export const identityTaken = (name: string, peer: string, sameHardware: boolean): EventWords => ({
  type: 'Warning',
  reason: 'IdentityReplaced',
  message: `A board joined anew as node ${name} from ${peer}${
    sameHardware ? ', on the same hardware' : ', on other hardware, with a token that allows it'
  }; the certificate that was issued before no longer holds`,
});
