import type { PodDisruptionBudget } from '#proto/schema/generated/policy-v1.ts';
import type { EventWords } from '#server/client/event-words.ts';

export const noPods: EventWords = { type: 'Normal', reason: 'NoPods', message: 'No matching pods found' };

export const countFailed = (error: string): EventWords => ({
  type: 'Warning',
  reason: 'CalculateExpectedPodCountFailed',
  message: `Failed to calculate the number of expected pods: ${error}`,
});

export const unmanagedPods = (selector: string): EventWords => ({
  type: 'Warning',
  reason: 'UnmanagedPods',
  message:
    `Pods selected by this PodDisruptionBudget (selector: ${selector}) were found to be unmanaged. As a result, the ` +
    'status of the PDB cannot be calculated correctly, which may result in undefined behavior. To account for these ' +
    'pods please set ".spec.minAvailable" field of the PDB to an integer value.',
});

export const notDeleted = ({ metadata }: PodDisruptionBudget): EventWords => ({
  type: 'Warning',
  reason: 'NotDeleted',
  message: `Pod was expected by PDB ${metadata.namespace}/${metadata.name} to be deleted but it wasn't`,
});
