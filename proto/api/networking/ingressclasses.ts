import { AGE, NAME, NONE, text } from '#proto/api/columns.ts';
import { defineResource } from '#proto/api/define.ts';
import type { IngressClass } from '#proto/schema/generated/networking-v1.ts';

export const ingressclasses = defineResource<IngressClass>({
  group: 'networking.k8s.io',
  version: 'v1',
  plural: 'ingressclasses',
  kind: 'IngressClass',
  namespaced: false,
  singular: 'ingressclass',
  columns: [
    NAME,
    text('Controller', (c) => c.spec.controller ?? ''),
    text('Parameters', (c) =>
      c.spec.parameters
        ? `${c.spec.parameters.kind}${c.spec.parameters.apiGroup ? `.${c.spec.parameters.apiGroup}` : ''}/${c.spec.parameters.name}`
        : NONE,
    ),
    AGE,
  ],
});
