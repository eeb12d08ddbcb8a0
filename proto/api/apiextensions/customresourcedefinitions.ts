import { defineResource, statusOf } from '#proto/api/define.ts';
import type { CustomResourceDefinition } from '#proto/schema/generated/apiextensions-v1.ts';

export const customresourcedefinitions = defineResource<CustomResourceDefinition>({
  group: 'apiextensions.k8s.io',
  version: 'v1',
  plural: 'customresourcedefinitions',
  kind: 'CustomResourceDefinition',
  namespaced: false,
  shortNames: ['crd', 'crds'],
  categories: ['api-extensions'],
  subresources: [statusOf('CustomResourceDefinition')],
});
