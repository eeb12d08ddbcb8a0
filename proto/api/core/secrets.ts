import { AGE, integer, NAME, text } from '#proto/api/columns.ts';
import { defineResource } from '#proto/api/define.ts';
import type { Secret } from '#proto/schema/generated/core-v1.ts';

export const secrets = defineResource<Secret>({
  group: '',
  version: 'v1',
  plural: 'secrets',
  kind: 'Secret',
  namespaced: true,
  columns: [
    NAME,
    text('Type', (s) => s.type ?? ''),
    integer('Data', (s) => Object.keys(s.data ?? {}).length),
    AGE,
  ],
  selectableFields: { type: (s) => s.type ?? '' },
});
