import { defineCreateOnly } from '#proto/api/define.ts';
import type { TokenReview } from '#proto/schema/generated/authentication-v1.ts';

export const tokenreviews = defineCreateOnly<TokenReview>({
  group: 'authentication.k8s.io',
  version: 'v1',
  plural: 'tokenreviews',
  kind: 'TokenReview',
  namespaced: false,
});
