import { AGE, NAME, orUnset, text } from '#proto/api/columns.ts';
import { defineResource } from '#proto/api/define.ts';
import type { MutatingAdmissionPolicyBinding } from '#proto/schema/generated/admissionregistration-v1.ts';

export const mutatingadmissionpolicybindings = defineResource<MutatingAdmissionPolicyBinding>({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  plural: 'mutatingadmissionpolicybindings',
  kind: 'MutatingAdmissionPolicyBinding',
  namespaced: false,
  categories: ['api-extensions'],
  columns: [
    NAME,
    text('PolicyName', (b) => b.spec.policyName ?? ''),
    text('ParamRef', (b) =>
      b.spec.paramRef
        ? (b.spec.paramRef.namespace ? `${b.spec.paramRef.namespace}/` : '') + (b.spec.paramRef.name || '*')
        : orUnset(undefined),
    ),
    AGE,
  ],
});
