import { type FieldError, forbiddenField, notSupported, required, tooLong } from '#proto/meta/field-error.ts';
import type { IngressClass } from '#proto/schema/generated/networking-v1.ts';
import type { Strategy } from '#server/registry/strategy.ts';
import { immutable, named, problemsAt } from '#server/registry/validation/field-checks.ts';
import {
  dnsSubdomainProblems,
  domainPrefixedPathProblems,
  pathSegmentProblems,
} from '#server/registry/validation/names.ts';

const MAX_CONTROLLER = 250;

export const ingressClass: Strategy<IngressClass> = {
  applyDefaults: (object) => {
    object.spec ??= {};
    if (object.spec.parameters) object.spec.parameters.scope ??= 'Cluster';
  },
  validate: ({ spec }) => {
    const errors: FieldError[] = [];
    const { controller, parameters } = spec;
    if (controller && controller.length > MAX_CONTROLLER) {
      errors.push(tooLong('spec.controller', MAX_CONTROLLER));
    }
    errors.push(...named('spec.controller', controller, domainPrefixedPathProblems));
    if (!parameters) return errors;
    const path = 'spec.parameters';
    const { apiGroup } = parameters;
    if (apiGroup) errors.push(...problemsAt(`${path}.apiGroup`, apiGroup, dnsSubdomainProblems(apiGroup)));
    errors.push(...named(`${path}.kind`, parameters.kind, pathSegmentProblems));
    errors.push(...named(`${path}.name`, parameters.name, pathSegmentProblems));
    const { scope = '', namespace } = parameters;
    const scopes = ['Cluster', 'Namespace'];
    if (!scopes.includes(scope)) errors.push(notSupported(`${path}.scope`, scope, scopes));
    if (scope === 'Namespace' && !namespace) {
      errors.push(required(`${path}.namespace`, "`parameters.scope` is set to 'Namespace'"));
    }
    if (scope === 'Cluster' && namespace) {
      errors.push(forbiddenField(`${path}.namespace`, "`parameters.scope` is set to 'Cluster'"));
    }
    return errors;
  },
  validateUpdate: (object, old) => immutable('spec.controller', object.spec.controller, old.spec.controller),
};
