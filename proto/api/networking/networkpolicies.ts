import { AGE, NAME, selector, text } from '#proto/api/columns.ts';
import { defineResource } from '#proto/api/define.ts';
import type { NetworkPolicy } from '#proto/schema/generated/networking-v1.ts';

export const networkpolicies = defineResource<NetworkPolicy>({
  group: 'networking.k8s.io',
  version: 'v1',
  plural: 'networkpolicies',
  kind: 'NetworkPolicy',
  namespaced: true,
  shortNames: ['netpol'],
  columns: [NAME, text('Pod-Selector', (p) => selector(p.spec.podSelector)), AGE],
});
