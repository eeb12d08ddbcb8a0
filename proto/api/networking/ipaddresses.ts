import { AGE, NAME, NONE, text } from '#proto/api/columns.ts';
import { defineResource } from '#proto/api/define.ts';
import type { IPAddress } from '#proto/schema/generated/networking-v1.ts';

function parent(address: IPAddress): string {
  const ref = address.spec.parentRef;
  if (!ref) return NONE;
  const resource = ref.group ? `${ref.resource}.${ref.group}` : ref.resource;
  return [resource, ref.namespace, ref.name].filter(Boolean).join('/');
}

export const ipaddresses = defineResource<IPAddress>({
  group: 'networking.k8s.io',
  version: 'v1',
  plural: 'ipaddresses',
  kind: 'IPAddress',
  namespaced: false,
  shortNames: ['ip'],
  columns: [NAME, text('ParentRef', parent), AGE],
  selectableFields: {
    'spec.parentRef.group': (a) => a.spec.parentRef?.group ?? '',
    'spec.parentRef.resource': (a) => a.spec.parentRef?.resource ?? '',
    'spec.parentRef.namespace': (a) => a.spec.parentRef?.namespace ?? '',
    'spec.parentRef.name': (a) => a.spec.parentRef?.name ?? '',
  },
});
