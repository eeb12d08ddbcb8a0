import { AGE, integer, NAME, orUnset, text } from '#proto/api/columns.ts';
import { defineResource } from '#proto/api/define.ts';
import type { MutatingAdmissionPolicy } from '#proto/schema/generated/admissionregistration-v1.ts';

export const mutatingadmissionpolicies = defineResource<MutatingAdmissionPolicy>({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  plural: 'mutatingadmissionpolicies',
  kind: 'MutatingAdmissionPolicy',
  namespaced: false,
  categories: ['api-extensions'],
  columns: [
    NAME,
    integer('Mutations', (p) => p.spec.mutations?.length),
    text('ParamKind', (p) =>
      p.spec.paramKind ? `${p.spec.paramKind.apiVersion}/${p.spec.paramKind.kind}` : orUnset(undefined),
    ),
    AGE,
  ],
});
