import { duplicate, type FieldError, invalidValue, required } from '#proto/meta/field-error.ts';
import type { PodSpec, SeccompProfile, SecurityContext } from '#proto/schema/generated/core-v1.ts';
import { eachAt, oneOf, oneOfOptional } from '#server/registry/validation/field-checks.ts';
import { between } from '#server/registry/validation/names.ts';

/** Linux has twice as many; upstream draws the line at what a signed number holds. */
const MAX_ID = 0x7fffffff;

const validateId = (id: number | undefined, path: string): FieldError[] =>
  id === undefined || (id >= 0 && id <= MAX_ID) ? [] : [invalidValue(path, id, between(0, MAX_ID))];

/** The security context of one container. */
export function validateSecurityContext(
  context: SecurityContext | undefined,
  path: string,
  hostUsers: boolean,
): FieldError[] {
  if (!context) return [];
  const errors = [
    ...validateId(context.runAsUser, `${path}.runAsUser`),
    ...validateId(context.runAsGroup, `${path}.runAsGroup`),
    ...oneOfOptional(`${path}.procMount`, context.procMount, ['Default', 'Unmasked']),
    ...validateSeccomp(context.seccompProfile, `${path}.seccompProfile`),
  ];
  if (hostUsers && context.procMount === 'Unmasked') {
    const detail = '`hostUsers` must be false to use `Unmasked`';
    errors.push(invalidValue(`${path}.procMount`, context.procMount, detail));
  }
  if (context.allowPrivilegeEscalation !== false) return errors;
  if (context.privileged) {
    const detail = 'cannot set `allowPrivilegeEscalation` to false and `privileged` to true';
    errors.push(invalidValue(path, context, detail));
  }
  if (context.capabilities?.add?.includes('CAP_SYS_ADMIN')) {
    const detail = 'cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN';
    errors.push(invalidValue(path, context, detail));
  }
  return errors;
}

/** The security context of a Pod. */
export function validatePodSecurityContext(spec: PodSpec, path: string): FieldError[] {
  const context = spec.securityContext ?? {};
  const errors = [
    ...validateId(context.fsGroup, `${path}.fsGroup`),
    ...validateId(context.runAsUser, `${path}.runAsUser`),
    ...validateId(context.runAsGroup, `${path}.runAsGroup`),
    ...eachAt(context.supplementalGroups, `${path}.supplementalGroups`, validateId),
    ...validateSysctls(context.sysctls, `${path}.sysctls`),
    ...oneOfOptional(`${path}.fsGroupChangePolicy`, context.fsGroupChangePolicy, [
      'Always',
      'OnRootMismatch',
    ]),
    ...oneOfOptional(`${path}.supplementalGroupsPolicy`, context.supplementalGroupsPolicy, [
      'Merge',
      'Strict',
    ]),
    ...validateSeccomp(context.seccompProfile, `${path}.seccompProfile`),
  ];
  if (spec.shareProcessNamespace && spec.hostPID) {
    const detail = 'ShareProcessNamespace and HostPID cannot both be enabled';
    errors.push(invalidValue(`${path}.shareProcessNamespace`, true, detail));
  }
  return errors;
}

const SYSCTL = '([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?';
const SYSCTL_REGEX = new RegExp(`^${SYSCTL}$`);

function validateSysctls(sysctls: readonly { name: string }[] | undefined, path: string): FieldError[] {
  const seen = new Set<string>();
  return eachAt(sysctls, path, ({ name }, at) => {
    if (!name) return [required(`${at}.name`)];
    if (!SYSCTL_REGEX.test(name) || name.length > 253) {
      const detail = `must have at most 253 characters and match regex ^${SYSCTL}$`;
      return [invalidValue(`${at}.name`, name, detail)];
    }
    if (seen.has(name)) {
      return [duplicate(`${at}.name`, name)];
    }
    seen.add(name);
    return [];
  });
}

function validateSeccomp(profile: SeccompProfile | undefined, path: string): FieldError[] {
  if (!profile) return [];
  const errors = oneOf(`${path}.type`, profile.type, ['Localhost', 'RuntimeDefault', 'Unconfined']);
  if (profile.type === 'Localhost' && !profile.localhostProfile) {
    errors.push(required(`${path}.localhostProfile`, 'must be set when seccomp type is Localhost'));
  }
  if (profile.type !== 'Localhost' && profile.localhostProfile !== undefined) {
    const detail = 'can only be set when seccomp type is Localhost';
    errors.push(invalidValue(`${path}.localhostProfile`, profile.localhostProfile, detail));
  }
  return errors;
}
