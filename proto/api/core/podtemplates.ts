import { labels, NAME, templateColumns, text } from '#proto/api/columns.ts';
import { defineResource } from '#proto/api/define.ts';
import type { PodTemplate } from '#proto/schema/generated/core-v1.ts';

export const podtemplates = defineResource<PodTemplate>({
  group: '',
  version: 'v1',
  plural: 'podtemplates',
  kind: 'PodTemplate',
  namespaced: true,
  columns: [
    NAME,
    ...templateColumns<PodTemplate>((t) => t.template).map(({ priority: _, ...column }) => column),
    text('Pod Labels', (t) => labels(t.template?.metadata?.labels)),
  ],
});
