import { AGE, integer, NAME } from '#proto/api/columns.ts';
import { defineResource } from '#proto/api/define.ts';
import type { MutatingWebhookConfiguration } from '#proto/schema/generated/admissionregistration-v1.ts';

export const mutatingwebhookconfigurations = defineResource<MutatingWebhookConfiguration>({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  plural: 'mutatingwebhookconfigurations',
  kind: 'MutatingWebhookConfiguration',
  namespaced: false,
  categories: ['api-extensions'],
  columns: [NAME, integer('Webhooks', (c) => c.webhooks?.length), AGE],
});
