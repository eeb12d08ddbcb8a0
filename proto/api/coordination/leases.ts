import { AGE, NAME, text } from '#proto/api/columns.ts';
import { defineResource } from '#proto/api/define.ts';
import type { Lease } from '#proto/schema/generated/coordination-v1.ts';

export const leases = defineResource<Lease>({
  group: 'coordination.k8s.io',
  version: 'v1',
  plural: 'leases',
  kind: 'Lease',
  namespaced: true,
  durability: 'relaxed',
  columns: [NAME, text('Holder', (l) => l.spec.holderIdentity ?? ''), AGE],
});
