import { defineCreateOnly } from '#proto/api/define.ts';
import type { LocalSubjectAccessReview } from '#proto/schema/generated/authorization-v1.ts';

export const localsubjectaccessreviews = defineCreateOnly<LocalSubjectAccessReview>({
  group: 'authorization.k8s.io',
  version: 'v1',
  plural: 'localsubjectaccessreviews',
  kind: 'LocalSubjectAccessReview',
  namespaced: true,
});
