import type { Container, Pod, PodSpec, SecurityContext } from '#proto/schema/generated/core-v1.ts';

/** A Pod, or what a workload makes Pods of. */
export interface PodLike {
  readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> | undefined } | undefined;
  readonly spec: PodSpec;
}

/** Why a Pod is against a rule: the short reason, and the details in upstream's words. */
export interface Violation {
  readonly reason: string;
  readonly detail: string;
}

export type CheckPod = (pod: PodLike) => Violation | undefined;

/** One rule of the Pod security standards, by the minor version of Kubernetes from which it has its form. */
export interface Check {
  readonly id: string;
  readonly versions: readonly (readonly [since: number, check: CheckPod])[];
  /** Baseline rules that this one contains, from its first version on. */
  readonly overrides?: readonly string[];
}

type Named = Pick<
  Container,
  'name' | 'securityContext' | 'ports' | 'lifecycle' | 'livenessProbe' | 'readinessProbe' | 'startupProbe'
>;

export const containersOf = ({ spec }: PodLike): Named[] => [
  ...(spec.initContainers ?? []),
  ...spec.containers,
  ...(spec.ephemeralContainers ?? []),
];

export const plural = (word: string, count: number): string => (count === 1 ? word : `${word}s`);
export const quoted = (items: readonly string[]): string => items.map((item) => `"${item}"`).join(', ');
export const sorted = (items: Iterable<string>): string[] => [...new Set(items)].sort();

/** `container "a"`, `containers "a", "b"` */
export const containers = (names: readonly string[]): string =>
  `${plural('container', names.length)} ${quoted(names)}`;

/** The containers whose security context is bad, by name. */
export const containersWhere = (
  pod: PodLike,
  isBad: (context: SecurityContext | undefined) => boolean,
): string[] =>
  containersOf(pod)
    .filter(({ securityContext }) => isBad(securityContext))
    .map(({ name }) => name);

/** `pod and container "a"`: who set something. */
export const setters = (isPod: boolean, names: readonly string[]): string[] => [
  ...(isPod ? ['pod'] : []),
  ...(names.length > 0 ? [containers(names)] : []),
];

export const isWindows = ({ spec }: Pick<Pod, 'spec'>): boolean => spec.os?.name === 'windows';

/** Root in a user namespace of its own is nobody outside of it. */
export const hasOwnUsers = ({ spec }: PodLike): boolean => spec.hostUsers === false;
