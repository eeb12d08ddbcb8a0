import { AGE, NAME, text } from '#proto/api/columns.ts';
import { defineResource, statusOf } from '#proto/api/define.ts';
import type { ResourceClaim } from '#proto/schema/generated/resource-v1.ts';

function state(claim: ResourceClaim): string {
  const states: string[] = [];
  if (claim.metadata.deletionTimestamp) states.push('deleted');
  if (!claim.status?.allocation) {
    if (!claim.metadata.deletionTimestamp) states.push('pending');
  } else {
    states.push('allocated');
    states.push((claim.status.reservedFor ?? []).length > 0 ? 'reserved' : '');
  }
  return states.filter(Boolean).join(',');
}

export const resourceclaims = defineResource<ResourceClaim>({
  group: 'resource.k8s.io',
  version: 'v1',
  plural: 'resourceclaims',
  kind: 'ResourceClaim',
  namespaced: true,
  subresources: [statusOf('ResourceClaim')],
  columns: [NAME, text('State', state), AGE],
});
