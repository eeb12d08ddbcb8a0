import { duplicate, type FieldError, invalidValue, required } from '#proto/meta/field-error.ts';
import type {
  DeviceClass,
  ResourceClaim,
  ResourceClaimTemplate,
  ResourceSlice,
} from '#proto/schema/generated/resource-v1.ts';
import {
  applyClaimDefaults,
  validateClaim,
  validateConfiguration,
  validateSelectors,
} from '#server/registry/resource/claim-rules.ts';
import type { Strategy } from '#server/registry/strategy.ts';
import { eachAt, immutable, named } from '#server/registry/validation/field-checks.ts';
import { dnsLabelProblems, dnsSubdomainProblems } from '#server/registry/validation/names.ts';

export const deviceClass: Strategy<DeviceClass> = {
  generation: true,
  validate: ({ spec }) => [
    ...validateSelectors(spec?.selectors, 'spec.selectors'),
    ...eachAt(spec?.config, 'spec.config', validateConfiguration),
  ],
};

export const resourceClaim: Strategy<ResourceClaim> = {
  applyDefaults: ({ spec }) => applyClaimDefaults(spec),
  validate: ({ spec }) => validateClaim(spec, 'spec'),
  validateUpdate: (object, old) => immutable('spec', object.spec, old.spec),
};

export const resourceClaimTemplate: Strategy<ResourceClaimTemplate> = {
  applyDefaults: ({ spec }) => applyClaimDefaults(spec?.spec),
  validate: ({ spec }) => validateClaim(spec?.spec, 'spec.spec'),
  validateUpdate: (object, old) => immutable('spec', object.spec, old.spec),
};

export const resourceSlice: Strategy<ResourceSlice> = {
  generation: true,
  validate: ({ spec }) => {
    const errors: FieldError[] = [];
    const ways = [spec?.nodeName, spec?.nodeSelector, spec?.allNodes, spec?.perDeviceNodeSelection];
    if (ways.filter(Boolean).length !== 1) {
      const detail =
        'exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required';
      errors.push(ways.some(Boolean) ? invalidValue('spec', '', detail) : required('spec', detail));
    }
    return [
      ...named('spec.driver', spec?.driver, dnsSubdomainProblems),
      ...named('spec.pool.name', spec?.pool?.name, () => []),
      ...errors,
      ...uniqueNames(spec?.devices, 'spec.devices'),
    ];
  },
  validateUpdate: (object, old) => [
    ...immutable('spec.driver', object.spec?.driver, old.spec?.driver),
    ...immutable('spec.nodeName', object.spec?.nodeName, old.spec?.nodeName),
  ],
};

function uniqueNames(items: readonly { readonly name: string }[] | undefined, path: string): FieldError[] {
  const seen = new Set<string>();
  return eachAt(items, path, ({ name }, at) => {
    const errors = named(`${at}.name`, name, dnsLabelProblems);
    if (seen.has(name)) errors.push(duplicate(`${at}.name`, name));
    seen.add(name);
    return errors;
  });
}
