import { defineCreateOnly } from '#proto/api/define.ts';
import type { Binding } from '#proto/schema/generated/core-v1.ts';

export const bindings = defineCreateOnly<Binding>({
  group: '',
  version: 'v1',
  plural: 'bindings',
  kind: 'Binding',
  namespaced: true,
});
