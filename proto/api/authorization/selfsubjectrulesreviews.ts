import { defineCreateOnly } from '#proto/api/define.ts';
import type { SelfSubjectRulesReview } from '#proto/schema/generated/authorization-v1.ts';

export const selfsubjectrulesreviews = defineCreateOnly<SelfSubjectRulesReview>({
  group: 'authorization.k8s.io',
  version: 'v1',
  plural: 'selfsubjectrulesreviews',
  kind: 'SelfSubjectRulesReview',
  namespaced: false,
});
