import { type FieldError, forbiddenField, notSupported, required, tooLong } from '#proto/meta/field-error.ts';
import type { IngressClass } from '#proto/schema/generated/networking-v1.ts';
import type { Strategy } from '#server/registry/strategy.ts';
import { immutable } from '#server/registry/validation/field-checks.ts';

const MAX_CONTROLLER = 250;

export const ingressClass: Strategy<IngressClass> = {
  applyDefaults: (object) => {
    object.spec ??= {};
    if (object.spec.parameters) object.spec.parameters.scope ??= 'Cluster';
  },
  validate: ({ spec }) => {
    const errors: FieldError[] = [];
    const { controller, parameters } = spec;
    if (!controller) errors.push(required('spec.controller'));
    else if (controller.length > MAX_CONTROLLER) errors.push(tooLong('spec.controller', MAX_CONTROLLER));
    if (!parameters) return errors;
    const path = 'spec.parameters';
    if (!parameters.kind) errors.push(required(`${path}.kind`));
    if (!parameters.name) errors.push(required(`${path}.name`));
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
