import { AGE, NAME, text } from '#proto/api/columns.ts';
import { defineResource, statusOf } from '#proto/api/define.ts';
import type { Namespace } from '#proto/schema/generated/core-v1.ts';

export const namespaces = defineResource<Namespace>({
  group: '',
  version: 'v1',
  plural: 'namespaces',
  kind: 'Namespace',
  namespaced: false,
  shortNames: ['ns'],
  // No deletecollection: emptying a cluster in one call is not offered.
  verbs: ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'],
  subresources: [{ name: 'finalize', kind: 'Namespace', verbs: ['update'] }, statusOf('Namespace')],
  columns: [NAME, text('Status', (ns) => ns.status?.phase ?? ''), AGE],
  selectableFields: { 'status.phase': (ns) => ns.status?.phase ?? '' },
});
