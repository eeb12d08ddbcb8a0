import { AGE, NAME, text } from '#proto/api/columns.ts';
import { defineResource, statusOf } from '#proto/api/define.ts';
import type { ResourceQuota } from '#proto/schema/generated/core-v1.ts';

/** `name: used/hard` of each resource, limits apart from the rest. */
function usage(quota: ResourceQuota, limits: boolean): string {
  return Object.keys(quota.status?.hard ?? {})
    .filter((name) => name.startsWith('limits.') === limits)
    .sort()
    .map((name) => `${name}: ${quota.status?.used?.[name] ?? '0'}/${quota.status?.hard?.[name] ?? '0'}`)
    .join(', ');
}

export const resourcequotas = defineResource<ResourceQuota>({
  group: '',
  version: 'v1',
  plural: 'resourcequotas',
  kind: 'ResourceQuota',
  namespaced: true,
  shortNames: ['quota'],
  subresources: [statusOf('ResourceQuota')],
  columns: [NAME, text('Request', (q) => usage(q, false)), text('Limit', (q) => usage(q, true)), AGE],
});
