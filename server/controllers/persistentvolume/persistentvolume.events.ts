import type { EventWords } from '#server/client/event-words.ts';

const normal = (reason: string, message: string): EventWords => ({ type: 'Normal', reason, message });
const warning = (reason: string, message: string): EventWords => ({ type: 'Warning', reason, message });
const quoted = JSON.stringify;

export const noVolumeNoClass = normal(
  'FailedBinding',
  'no persistent volumes available for this claim and no storage class is set',
);
export const takenByAnother = (volume: string): EventWords =>
  warning('FailedBinding', `volume ${quoted(volume)} already bound to a different claim.`);
export const requestedMismatch = (volume: string, why: string): EventWords =>
  warning('VolumeMismatch', `Cannot bind to requested volume ${quoted(volume)}: ${why}`);
export const claimModeMismatch = (volume: string): EventWords =>
  warning(
    'VolumeMismatch',
    `Cannot bind PersistentVolume ${quoted(volume)} to requested PersistentVolumeClaim due to incompatible volumeMode.`,
  );
export const volumeModeMismatch = (claim: string): EventWords =>
  warning(
    'VolumeMismatch',
    `Cannot bind PersistentVolume to requested PersistentVolumeClaim ${quoted(claim)} due to incompatible volumeMode.`,
  );

/** `pods` use the claim and have no node yet. */
export function waitingForConsumer(pods: readonly string[]): EventWords {
  if (pods.length === 0)
    return normal('WaitForFirstConsumer', 'waiting for first consumer to be created before binding');
  return normal(
    'WaitForPodScheduled',
    `waiting for ${pods.length > 1 ? 'pods' : 'pod'} ${pods.join(',')} to be scheduled`,
  );
}

export const externalProvisioning = (provisioner: string): EventWords =>
  normal(
    'ExternalProvisioning',
    `Waiting for a volume to be created either by the external provisioner '${provisioner}' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.`,
  );
export const provisioningFailed = (message: string): EventWords => warning('ProvisioningFailed', message);

export const lostReference = warning(
  'ClaimLost',
  'Bound claim has lost reference to PersistentVolume. Data on the volume is lost!',
);
export const lostVolume = warning(
  'ClaimLost',
  'Bound claim has lost its PersistentVolume. Data on the volume is lost!',
);
export const misbound = warning(
  'ClaimMisbound',
  'Two claims are bound to the same volume, this one is bound incorrectly',
);

export const noDeleter = (message: string): EventWords => warning('VolumeFailedDelete', message);
export const noRecycler = warning('VolumeFailedRecycle', 'No recycler plugin found for the volume!');
export const unknownPolicy = warning(
  'VolumeUnknownReclaimPolicy',
  'Volume has unrecognized PersistentVolumeReclaimPolicy',
);
