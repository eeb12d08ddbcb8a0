/** Of which families the addresses of a Service are. Rule: upstream's `initIPFamilyFields`. */
import { isIP } from 'node:net';
import { type FieldError, invalidValue } from '#proto/meta/field-error.ts';
import type { Service, ServiceSpec } from '#proto/schema/generated/core-v1.ts';
import { validateAddresses } from '#server/registry/core/service-addresses.ts';

/** Fills `ipFamilyPolicy`, `ipFamilies` and their like in place; gives what is wrong with them. */
export function settleFamilies(
  service: Service,
  before: Service | undefined,
  configured: readonly string[],
): FieldError[] {
  const { spec } = service;
  if (spec.type === 'ExternalName' || isSettled(spec, before?.spec)) return [];
  const isOpen = spec.clusterIP === 'None' && Object.keys(spec.selector ?? {}).length === 0;
  spec.ipFamilyPolicy ??= before?.spec.ipFamilyPolicy ?? (isOpen ? 'RequireDualStack' : 'SingleStack');
  const malformed = validateAddresses(spec);
  if (malformed.length > 0) return malformed;

  const errors = before ? shrink(spec, before.spec) : [];
  errors.push(...againstPolicy(spec), ...infer(spec, configured));
  if (errors.length > 0) return errors;

  const both = spec.ipFamilyPolicy !== 'SingleStack';
  const families = spec.ipFamilies?.length ? [...spec.ipFamilies] : [configured[0] ?? 'IPv4'];
  if (isOpen) {
    // Its endpoints may lie anywhere, whatever this cluster has.
    spec.ipFamilies = families.length < 2 && both ? [...families, other(families[0])] : families;
    return [];
  }
  if (spec.ipFamilyPolicy === 'RequireDualStack' && configured.length < 2) {
    const detail = 'this cluster is not configured for dual-stack services';
    errors.push(invalidValue('spec.ipFamilyPolicy', spec.ipFamilyPolicy, detail));
  }
  for (const [i, family] of (spec.ipFamilies ?? []).entries())
    if (!configured.includes(family))
      errors.push(invalidValue(`spec.ipFamilies[${i}]`, family, 'not configured on this cluster'));
  if (errors.length > 0) return errors;
  spec.ipFamilies =
    families.length < 2 && both && configured.length > 1 ? [...families, other(families[0])] : families;
  return [];
}

const other = (family: string | undefined): string => (family === 'IPv4' ? 'IPv6' : 'IPv4');

const same = (a: readonly string[] = [], b: readonly string[] = []): boolean =>
  a.length === b.length && a.every((item, i) => item === b[i]);

/** Only who says so gets a second address, or loses it, when a cluster got or lost its second family. */
const isSettled = (spec: ServiceSpec, old: ServiceSpec | undefined): boolean =>
  spec.ipFamilyPolicy === 'PreferDualStack' &&
  old?.ipFamilyPolicy === 'PreferDualStack' &&
  same(spec.clusterIPs, old.clusterIPs) &&
  same(spec.ipFamilies, old.ipFamilies);

/** To a single stack by saying so alone; by taking an address away only when that is said too. */
function shrink(spec: ServiceSpec, old: ServiceSpec): FieldError[] {
  if (spec.ipFamilyPolicy === 'SingleStack') {
    if (same(spec.clusterIPs, old.clusterIPs)) spec.clusterIPs = spec.clusterIPs?.slice(0, 1);
    if (same(spec.ipFamilies, old.ipFamilies)) spec.ipFamilies = spec.ipFamilies?.slice(0, 1);
    return [];
  }
  const fewer = (now: readonly string[] = [], then: readonly string[] = []): boolean =>
    now.length > 0 && now.length < then.length && now[0] === then[0];
  const errors: FieldError[] = [];
  const refuse = (what: string): void =>
    void errors.push(
      invalidValue(
        'spec.ipFamilyPolicy',
        spec.ipFamilyPolicy,
        `must be 'SingleStack' to release the secondary ${what}`,
      ),
    );
  if (fewer(spec.clusterIPs, old.clusterIPs)) refuse('cluster IP');
  if (fewer(spec.ipFamilies, old.ipFamilies)) refuse('IP family');
  return errors;
}

function againstPolicy({ ipFamilyPolicy, clusterIPs = [], ipFamilies = [] }: ServiceSpec): FieldError[] {
  if (ipFamilyPolicy !== 'SingleStack') return [];
  const refuse = (what: string): FieldError =>
    invalidValue(
      'spec.ipFamilyPolicy',
      ipFamilyPolicy,
      `must be 'RequireDualStack' or 'PreferDualStack' when multiple ${what} are specified`,
    );
  return [
    ...(clusterIPs.length === 2 ? [refuse('cluster IPs')] : []),
    ...(ipFamilies.length === 2 ? [refuse('IP families')] : []),
  ];
}

/** Addresses that were asked for tell their families. */
function infer(spec: ServiceSpec, configured: readonly string[]): FieldError[] {
  const errors: FieldError[] = [];
  const families = [...(spec.ipFamilies ?? [])];
  for (const [i, ip] of (spec.clusterIPs ?? []).entries()) {
    if (ip === 'None' || ip === '') break;
    if (i < families.length) continue;
    const family = isIP(ip) === 6 ? 'IPv6' : 'IPv4';
    if (configured.includes(family)) families.push(family);
    else
      errors.push(
        invalidValue(`spec.clusterIPs[${i}]`, spec.clusterIPs, `${family} is not configured on this cluster`),
      );
  }
  if (families.length > 0) spec.ipFamilies = families;
  return errors;
}
