import { defineCreateOnly } from '#proto/api/define.ts';
import type { SelfSubjectAccessReview } from '#proto/schema/generated/authorization-v1.ts';

export const selfsubjectaccessreviews = defineCreateOnly<SelfSubjectAccessReview>({
  group: 'authorization.k8s.io',
  version: 'v1',
  plural: 'selfsubjectaccessreviews',
  kind: 'SelfSubjectAccessReview',
  namespaced: false,
});
