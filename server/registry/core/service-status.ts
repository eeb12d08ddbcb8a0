import { isIP } from 'node:net';
import {
  type FieldError,
  forbiddenField,
  invalidValue,
  notSupported,
  required,
} from '#proto/meta/field-error.ts';
import type { Service } from '#proto/schema/generated/core-v1.ts';
import { validateIp } from '#server/registry/validation/addresses.ts';
import { eachAt, problemsAt } from '#server/registry/validation/field-checks.ts';
import { dnsSubdomainProblems } from '#server/registry/validation/names.ts';

const MODES = ['Proxy', 'VIP'];

/** Where a load balancer is reached. Rule: upstream's `ValidateLoadBalancerStatus`. */
export function validateServiceStatus({ spec, status }: Service): FieldError[] {
  const path = 'status.loadBalancer.ingress';
  const ingress = status?.loadBalancer?.ingress ?? [];
  if (spec.type !== 'LoadBalancer' && ingress.length > 0)
    return [forbiddenField(path, "may only be used when `spec.type` is 'LoadBalancer'")];
  return eachAt(ingress, path, ({ ip, ipMode, hostname }, at) => {
    const errors = ip ? validateIp(ip, `${at}.ip`) : [];
    if (ipMode === undefined) {
      if (ip) errors.push(required(`${at}.ipMode`, 'must be specified when `ip` is set'));
    } else if (!ip) errors.push(forbiddenField(`${at}.ipMode`, 'may not be specified when `ip` is not set'));
    else if (!MODES.includes(ipMode)) errors.push(notSupported(`${at}.ipMode`, ipMode, MODES));
    if (!hostname) return errors;
    errors.push(...problemsAt(`${at}.hostname`, hostname, dnsSubdomainProblems(hostname)));
    if (isIP(hostname))
      errors.push(invalidValue(`${at}.hostname`, hostname, 'must be a DNS name, not an IP address'));
    return errors;
  });
}
