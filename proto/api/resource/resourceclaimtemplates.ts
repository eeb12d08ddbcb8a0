import { AGE, NAME } from '#proto/api/columns.ts';
import { defineResource } from '#proto/api/define.ts';
import type { ResourceClaimTemplate } from '#proto/schema/generated/resource-v1.ts';

export const resourceclaimtemplates = defineResource<ResourceClaimTemplate>({
  group: 'resource.k8s.io',
  version: 'v1',
  plural: 'resourceclaimtemplates',
  kind: 'ResourceClaimTemplate',
  namespaced: true,
  columns: [NAME, AGE],
});
