import { AGE, integer, NAME, NONE, text } from '#proto/api/columns.ts';
import { defineResource } from '#proto/api/define.ts';
import type { ControllerRevision } from '#proto/schema/generated/apps-v1.ts';

function controller(revision: ControllerRevision): string {
  const owner = revision.metadata.ownerReferences?.find((o) => o.controller);
  if (!owner) return NONE;
  const group = owner.apiVersion.includes('/') ? owner.apiVersion.split('/')[0] : '';
  return `${owner.kind.toLowerCase()}${group ? `.${group}` : ''}/${owner.name}`;
}

export const controllerrevisions = defineResource<ControllerRevision>({
  group: 'apps',
  version: 'v1',
  plural: 'controllerrevisions',
  kind: 'ControllerRevision',
  namespaced: true,
  columns: [NAME, text('Controller', controller), integer('Revision', (r) => Number(r.revision)), AGE],
});
