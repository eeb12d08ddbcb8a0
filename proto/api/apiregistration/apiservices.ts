import { AGE, NAME, text } from '#proto/api/columns.ts';
import { defineResource, statusOf } from '#proto/api/define.ts';
import type { APIService } from '#proto/schema/generated/apiregistration-v1.ts';

function available(service: APIService): string {
  const condition = service.status?.conditions?.find((c) => c.type === 'Available');
  if (!condition) return 'Unknown';
  return condition.status === 'True' ? 'True' : `${condition.status} (${condition.reason ?? ''})`;
}

export const apiservices = defineResource<APIService>({
  group: 'apiregistration.k8s.io',
  version: 'v1',
  plural: 'apiservices',
  kind: 'APIService',
  namespaced: false,
  categories: ['api-extensions'],
  subresources: [statusOf('APIService')],
  columns: [
    NAME,
    text('Service', (s) =>
      s.spec.service ? `${s.spec.service.namespace ?? ''}/${s.spec.service.name ?? ''}` : 'Local',
    ),
    text('Available', available),
    AGE,
  ],
});
