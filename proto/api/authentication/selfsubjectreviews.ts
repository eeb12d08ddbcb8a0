import { defineCreateOnly } from '#proto/api/define.ts';
import type { SelfSubjectReview } from '#proto/schema/generated/authentication-v1.ts';

export const selfsubjectreviews = defineCreateOnly<SelfSubjectReview>({
  group: 'authentication.k8s.io',
  version: 'v1',
  plural: 'selfsubjectreviews',
  kind: 'SelfSubjectReview',
  namespaced: false,
});
