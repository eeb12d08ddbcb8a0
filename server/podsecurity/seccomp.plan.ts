import {
  type CheckPod,
  containers,
  containersOf,
  containersWhere,
  type PodLike,
  plural,
  quoted,
  setters,
  sorted,
  type Violation,
} from '#server/podsecurity/check.plan.ts';

const OF_POD = 'seccomp.security.alpha.kubernetes.io/pod';
const OF_CONTAINER = 'container.seccomp.security.alpha.kubernetes.io/';

/** Before 1.19 profiles were annotations. */
export const seccompAnnotations: CheckPod = (pod) => {
  const annotations = pod.metadata?.annotations ?? {};
  const keys = [OF_POD, ...containersOf(pod).map(({ name }) => OF_CONTAINER + name)];
  const bad = sorted(
    keys.flatMap((key) => {
      const value = annotations[key];
      return value === undefined || isAllowed(value) ? [] : [`${key}=${JSON.stringify(value)}`];
    }),
  );
  return bad.length > 0
    ? {
        reason: 'seccompProfile',
        detail: `forbidden ${plural('annotation', bad.length)} ${bad.join(', ')}`,
      }
    : undefined;
};

const isAllowed = (value: string): boolean =>
  value === 'runtime/default' || value === 'docker/default' || value.startsWith('localhost/');

const isValid = (type: string): boolean => type === 'Localhost' || type === 'RuntimeDefault';

/** A profile that is set must be a safe one; where one is `required`, it must be set. */
export function seccompProfile(pod: PodLike, required: boolean): Violation | undefined {
  const own = pod.spec.securityContext?.seccompProfile?.type;
  const isBad = (type: string | undefined): type is string => type !== undefined && !isValid(type);
  const who = setters(
    isBad(own),
    containersWhere(pod, (context) => isBad(context?.seccompProfile?.type)),
  );
  const reason = 'seccompProfile';
  if (who.length > 0) {
    const types = [own, ...containersOf(pod).map((c) => c.securityContext?.seccompProfile?.type)];
    const values = quoted(sorted(types.filter(isBad)));
    return {
      reason,
      detail: `${who.join(' and ')} must not set securityContext.seccompProfile.type to ${values}`,
    };
  }
  if (!required || own !== undefined) return undefined;
  const silent = containersWhere(pod, (context) => context?.seccompProfile === undefined);
  return silent.length > 0
    ? {
        reason,
        detail: `pod or ${containers(silent)} must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"`,
      }
    : undefined;
}
