/** Security contexts: pod and container merged, as upstream's `pkg/securitycontext` merges them. */
import type { ContainerConfig, SeccompProfile } from '#agent/runtime/runtime.ts';
import type {
  Container,
  EphemeralContainer,
  Pod,
  SecurityContext,
  SeccompProfile as SpecProfile,
} from '#proto/schema/generated/core-v1.ts';

/** The user that an image names: a number, a name, or neither. */
export interface ImageUser {
  readonly uid: number | undefined;
  readonly username: string;
}

export interface SecurityOptions {
  /** Folder of seccomp profiles that `localhostProfile` is relative to. */
  readonly seccompDir: string;
  /** Groups that volumes ask for. */
  readonly groups: readonly number[];
  readonly targetPidContainer: string | undefined;
}

type Spec = Container | EphemeralContainer;

/** What a container gets: its own words before the pod's. */
export function effectiveSecurity(pod: Pod, container: Spec): SecurityContext {
  const own = container.securityContext ?? {};
  const shared = pod.spec.securityContext ?? {};
  return {
    ...own,
    runAsUser: own.runAsUser ?? shared.runAsUser,
    runAsGroup: own.runAsGroup ?? shared.runAsGroup,
    runAsNonRoot: own.runAsNonRoot ?? shared.runAsNonRoot,
    seccompProfile: own.seccompProfile ?? shared.seccompProfile,
  };
}

/** The sentence why `runAsNonRoot` forbids this container, or undefined. */
export function nonRootProblem(pod: Pod, container: Spec, image: ImageUser): string | undefined {
  const { runAsNonRoot, runAsUser } = effectiveSecurity(pod, container);
  if (!runAsNonRoot) return undefined;
  const where = `(pod: "${pod.metadata.name}_${pod.metadata.namespace}(${pod.metadata.uid})", container: ${container.name})`;
  if (runAsUser !== undefined) {
    return runAsUser === 0 ? `container's runAsUser breaks non-root policy ${where}` : undefined;
  }
  if (image.uid === 0) return `container has runAsNonRoot and image will run as root ${where}`;
  if (image.uid === undefined && image.username !== '') {
    return `container has runAsNonRoot and image has non-numeric user (${image.username}), cannot verify user is non-root ${where}`;
  }
  if (image.uid === undefined) return `container has runAsNonRoot and image will run as root ${where}`;
  return undefined;
}

/** In the runtime's terms. */
export function containerSecurity(
  pod: Pod,
  container: Spec,
  options: SecurityOptions,
): ContainerConfig['security'] {
  const security = effectiveSecurity(pod, container);
  const privileged = security.privileged ?? false;
  const adds = security.capabilities?.add ?? [];
  return {
    privileged,
    addCapabilities: adds,
    dropCapabilities: security.capabilities?.drop ?? [],
    readOnlyRootfs: security.readOnlyRootFilesystem ?? false,
    noNewPrivileges: security.allowPrivilegeEscalation === false,
    runAsUser: security.runAsUser,
    runAsGroup: security.runAsGroup,
    supplementalGroups: supplementalGroups(pod, options.groups),
    seccomp: privileged ? { type: 'Unconfined' } : seccomp(security.seccompProfile, options.seccompDir),
    unmaskedProc: security.procMount === 'Unmasked',
    targetPidContainer: options.targetPidContainer,
  };
}

/** The pod's own groups, its fsGroup, and what its volumes need. */
export function supplementalGroups(pod: Pod, volumeGroups: readonly number[]): readonly number[] {
  const { fsGroup, supplementalGroups: own } = pod.spec.securityContext ?? {};
  return [...new Set([...(own ?? []), ...(fsGroup === undefined ? [] : [fsGroup]), ...volumeGroups])];
}

/** Without a profile a container is unconfined, as upstream's kubelet leaves it. */
export function seccomp(profile: SpecProfile | undefined, dir: string): SeccompProfile {
  switch (profile?.type) {
    case 'RuntimeDefault':
      return { type: 'RuntimeDefault' };
    case 'Localhost':
      return { type: 'Localhost', path: `${dir}/${profile.localhostProfile ?? ''}` };
    default:
      return { type: 'Unconfined' };
  }
}
