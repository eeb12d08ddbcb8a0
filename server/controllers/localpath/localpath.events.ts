import type { EventWords } from '#server/client/event-words.ts';

const normal = (reason: string, message: string): EventWords => ({ type: 'Normal', reason, message });
const warning = (reason: string, message: string): EventWords => ({ type: 'Warning', reason, message });

export const provisioning = (claim: string): EventWords =>
  normal('Provisioning', `External provisioner is provisioning volume for claim ${JSON.stringify(claim)}`);
export const provisioned = (volume: string): EventWords =>
  normal('ProvisioningSucceeded', `Successfully provisioned volume ${volume}`);
export const notProvisioned = (storageClass: string, why: string): EventWords =>
  warning(
    'ProvisioningFailed',
    `failed to provision volume with StorageClass ${JSON.stringify(storageClass)}: ${why}`,
  );
export const notDeleted = (why: string): EventWords => warning('VolumeFailedDelete', why);
export const boardIsAway = (node: string): EventWords =>
  notDeleted(`node ${JSON.stringify(node)} is not connected: the directory is removed when it is back`);
export const notExpanded = (why: string): EventWords => warning('VolumeResizeFailed', why);
