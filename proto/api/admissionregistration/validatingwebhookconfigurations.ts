import { AGE, integer, NAME } from '#proto/api/columns.ts';
import { defineResource } from '#proto/api/define.ts';
import type { ValidatingWebhookConfiguration } from '#proto/schema/generated/admissionregistration-v1.ts';

export const validatingwebhookconfigurations = defineResource<ValidatingWebhookConfiguration>({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  plural: 'validatingwebhookconfigurations',
  kind: 'ValidatingWebhookConfiguration',
  namespaced: false,
  categories: ['api-extensions'],
  columns: [NAME, integer('Webhooks', (c) => c.webhooks?.length), AGE],
});
