import { isIP, isIPv4 } from 'node:net';
import { duplicate, type FieldError, invalidValue, notSupported } from '#proto/meta/field-error.ts';
import type { ServiceSpec } from '#proto/schema/generated/core-v1.ts';
import { validateIp } from '#server/registry/validation/addresses.ts';

const FAMILIES = ['IPv4', 'IPv6'];
const POLICIES = ['PreferDualStack', 'RequireDualStack', 'SingleStack'];

/**
 * The addresses of a Service, by themselves; what this cluster has is asked when they are given. Rule: upstream's
 * `ValidateServiceClusterIPsRelatedFields`.
 */
export function validateAddresses(spec: ServiceSpec): FieldError[] {
  if (spec.type === 'ExternalName') return [];
  const { clusterIP, clusterIPs = [], ipFamilies = [], ipFamilyPolicy } = spec;
  const errors: FieldError[] = [];
  for (const [i, family] of ipFamilies.entries()) {
    const at = `spec.ipFamilies[${i}]`;
    if (!FAMILIES.includes(family)) errors.push(notSupported(at, family, FAMILIES));
    if (ipFamilies.indexOf(family) < i) errors.push(duplicate(at, family));
  }
  if (ipFamilyPolicy !== undefined && !POLICIES.includes(ipFamilyPolicy))
    errors.push(notSupported('spec.ipFamilyPolicy', ipFamilyPolicy, POLICIES));
  if (clusterIP && clusterIPs.length > 0 && clusterIPs[0] !== clusterIP)
    errors.push(invalidValue('spec.clusterIPs', clusterIPs, 'first value must match `clusterIP`'));
  if (clusterIPs.length > 2)
    errors.push(invalidValue('spec.clusterIPs', clusterIPs, 'may only hold up to 2 values'));
  for (const [i, ip] of clusterIPs.entries())
    if (ip !== 'None' && ip !== '') errors.push(...validateIp(ip, `spec.clusterIPs[${i}]`));
  const families = clusterIPs.filter((ip) => isIP(ip)).map((ip) => isIPv4(ip));
  if (families.length > 1 && new Set(families).size < families.length) {
    const detail = 'may specify no more than one IP for each IP family';
    errors.push(invalidValue('spec.clusterIPs', clusterIPs, detail));
  }
  for (const [i, ip] of clusterIPs.entries()) {
    const wanted = ipFamilies[i];
    if (!isIP(ip) || !wanted || wanted === (isIPv4(ip) ? 'IPv4' : 'IPv6')) continue;
    const detail = `expected an ${wanted} value as indicated by \`ipFamilies[${i}]\``;
    errors.push(invalidValue(`spec.clusterIPs[${i}]`, ip, detail));
  }
  return errors;
}

/** An address of an endpoint. Loopback, which upstream refuses, is where servers for trying out are. */
export const validateEndpointIp = (ip: string, path: string): FieldError[] =>
  ip.startsWith('127.') || ip === '::1' ? validateIp(ip, path) : validateExternalIp(ip, path);

/** An address that traffic from outside can come to. Rule: upstream's `ValidateEndpointIP` and its siblings. */
export function validateExternalIp(ip: string, path: string): FieldError[] {
  const errors = validateIp(ip, path);
  if (errors.length > 0) return errors;
  const refuse = (why: string): FieldError[] => [invalidValue(path, ip, why)];
  if (ip === '0.0.0.0' || ip === '::') return refuse(`may not be unspecified (${ip})`);
  if (ip.startsWith('127.') || ip === '::1')
    return refuse('may not be in the loopback range (127.0.0.0/8, ::1/128)');
  if (ip.startsWith('169.254.') || /^fe[89ab]/i.test(ip))
    return refuse('may not be in the link-local range (169.254.0.0/16, fe80::/10)');
  if (/^224\.0\.0\./.test(ip) || /^ff02:/i.test(ip))
    return refuse('may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)');
  return [];
}
