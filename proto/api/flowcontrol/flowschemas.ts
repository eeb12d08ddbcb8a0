import { AGE, integer, NAME, NONE, text } from '#proto/api/columns.ts';
import { defineResource, statusOf } from '#proto/api/define.ts';
import type { FlowSchema } from '#proto/schema/generated/flowcontrol-v1.ts';

export const flowschemas = defineResource<FlowSchema>({
  group: 'flowcontrol.apiserver.k8s.io',
  version: 'v1',
  plural: 'flowschemas',
  kind: 'FlowSchema',
  namespaced: false,
  subresources: [statusOf('FlowSchema')],
  columns: [
    NAME,
    text('PriorityLevel', (f) => f.spec.priorityLevelConfiguration.name),
    integer('MatchingPrecedence', (f) => f.spec.matchingPrecedence),
    text('DistinguisherMethod', (f) => f.spec.distinguisherMethod?.type ?? NONE),
    AGE,
    text('MissingPL', (f) => f.status?.conditions?.find((c) => c.type === 'Dangling')?.status ?? '?'),
  ],
});
