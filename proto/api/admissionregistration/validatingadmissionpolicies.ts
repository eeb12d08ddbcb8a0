import { AGE, integer, NAME, orUnset, text } from '#proto/api/columns.ts';
import { defineResource, statusOf } from '#proto/api/define.ts';
import type { ValidatingAdmissionPolicy } from '#proto/schema/generated/admissionregistration-v1.ts';

export const validatingadmissionpolicies = defineResource<ValidatingAdmissionPolicy>({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  plural: 'validatingadmissionpolicies',
  kind: 'ValidatingAdmissionPolicy',
  namespaced: false,
  categories: ['api-extensions'],
  subresources: [statusOf('ValidatingAdmissionPolicy')],
  columns: [
    NAME,
    integer('Validations', (p) => p.spec.validations?.length),
    text('ParamKind', (p) =>
      p.spec.paramKind ? `${p.spec.paramKind.apiVersion}/${p.spec.paramKind.kind}` : orUnset(undefined),
    ),
    AGE,
  ],
});
