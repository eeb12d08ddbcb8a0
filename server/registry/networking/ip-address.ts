import { isIP } from 'node:net';
import { type FieldError, invalidValue, required } from '#proto/meta/field-error.ts';
import type { IPAddress, ServiceCIDR } from '#proto/schema/generated/networking-v1.ts';
import type { Strategy } from '#server/registry/strategy.ts';
import { validateCidr } from '#server/registry/validation/addresses.ts';
import { eachAt, immutable } from '#server/registry/validation/field-checks.ts';

/** IPAddresses are named by the address they stand for. */
export const ipAddress: Strategy<IPAddress> = {
  nameRule: 'path-segment',
  validate: ({ metadata, spec }) => {
    const errors: FieldError[] = [];
    if (!isIP(metadata.name ?? '')) {
      errors.push(
        invalidValue(
          'metadata.name',
          metadata.name ?? '',
          'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
        ),
      );
    }
    const parent = spec?.parentRef;
    if (!parent) return [...errors, required('spec.parentRef')];
    if (!parent.resource) errors.push(required('spec.parentRef.resource'));
    if (!parent.name) errors.push(required('spec.parentRef.name'));
    return errors;
  },
  validateUpdate: (object, old) => immutable('spec.parentRef', object.spec?.parentRef, old.spec?.parentRef),
};

export const serviceCidr: Strategy<ServiceCIDR> = {
  validate: ({ spec }) => {
    const cidrs = spec?.cidrs ?? [];
    if (cidrs.length === 0) return [required('spec.cidrs', 'at least one CIDR required')];
    if (cidrs.length > 2) {
      return [invalidValue('spec', spec, 'may only hold up to 2 values')];
    }
    const families = cidrs.map((cidr) => isIP(cidr.split('/')[0] ?? ''));
    if (families.length > 1 && new Set(families).size < families.length) {
      const detail =
        'may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64';
      return [invalidValue('spec.cidrs', cidrs, detail)];
    }
    return eachAt(cidrs, 'spec.cidrs', validateCidr);
  },
  validateUpdate: (object, old) => immutable('spec.cidrs', object.spec?.cidrs, old.spec?.cidrs),
};
