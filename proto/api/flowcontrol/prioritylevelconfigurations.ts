import { AGE, NAME, NONE, text } from '#proto/api/columns.ts';
import { defineResource, statusOf } from '#proto/api/define.ts';
import type { PriorityLevelConfiguration } from '#proto/schema/generated/flowcontrol-v1.ts';

const orNothing = (value: number | undefined): string => (value === undefined ? NONE : String(value));

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
    text('NominalConcurrencyShares', (p) => orNothing(p.spec.limited?.nominalConcurrencyShares)),
    text('Queues', (p) => orNothing(p.spec.limited?.limitResponse?.queuing?.queues)),
    text('HandSize', (p) => orNothing(p.spec.limited?.limitResponse?.queuing?.handSize)),
    text('QueueLengthLimit', (p) => orNothing(p.spec.limited?.limitResponse?.queuing?.queueLengthLimit)),
    AGE,
  ],
});
