import { defineCreateOnly } from '#proto/api/define.ts';
import type { SubjectAccessReview } from '#proto/schema/generated/authorization-v1.ts';

export const subjectaccessreviews = defineCreateOnly<SubjectAccessReview>({
  group: 'authorization.k8s.io',
  version: 'v1',
  plural: 'subjectaccessreviews',
  kind: 'SubjectAccessReview',
  namespaced: false,
});
