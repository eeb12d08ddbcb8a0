import { AGE, integer, NAME } from '#proto/api/columns.ts';
import { defineResource } from '#proto/api/define.ts';
import type { ServiceAccount } from '#proto/schema/generated/core-v1.ts';

export const serviceaccounts = defineResource<ServiceAccount>({
  group: '',
  version: 'v1',
  plural: 'serviceaccounts',
  kind: 'ServiceAccount',
  namespaced: true,
  shortNames: ['sa'],
  subresources: [
    { name: 'token', kind: 'TokenRequest', group: 'authentication.k8s.io', version: 'v1', verbs: ['create'] },
  ],
  columns: [NAME, integer('Secrets', (s) => s.secrets?.length), AGE],
});
