import { AGE, NAME, orUnset, text } from '#proto/api/columns.ts';
import { defineResource, statusOf } from '#proto/api/define.ts';
import type { PriorityLevelConfiguration } from '#proto/schema/generated/flowcontrol-v1.ts';

export const prioritylevelconfigurations = defineResource<PriorityLevelConfiguration>({
  group: 'flowcontrol.apiserver.k8s.io',
  version: 'v1',
  plural: 'prioritylevelconfigurations',
  kind: 'PriorityLevelConfiguration',
  namespaced: false,
  subresources: [statusOf('PriorityLevelConfiguration')],
  columns: [
    NAME,
    text('Type', (p) => p.spec.type),
    text('NominalConcurrencyShares', (p) =>
      orUnset(p.spec.limited?.nominalConcurrencyShares ?? p.spec.exempt?.nominalConcurrencyShares),
    ),
    text('Queues', (p) => orUnset(p.spec.limited?.limitResponse?.queuing?.queues)),
    text('HandSize', (p) => orUnset(p.spec.limited?.limitResponse?.queuing?.handSize)),
    text('QueueLengthLimit', (p) => orUnset(p.spec.limited?.limitResponse?.queuing?.queueLengthLimit)),
    AGE,
  ],
});
