import { AGE, NAME, text } from '#proto/api/columns.ts';
import { defineResource, statusOf } from '#proto/api/define.ts';
import type { ServiceCIDR } from '#proto/schema/generated/networking-v1.ts';

export const servicecidrs = defineResource<ServiceCIDR>({
  group: 'networking.k8s.io',
  version: 'v1',
  plural: 'servicecidrs',
  kind: 'ServiceCIDR',
  namespaced: false,
  subresources: [statusOf('ServiceCIDR')],
  columns: [NAME, text('CIDRs', (c) => (c.spec.cidrs ?? []).join(',')), AGE],
});
