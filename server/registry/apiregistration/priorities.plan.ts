/** Where a group stands among all groups, and a version in its group; the highest first. As `APIService` has them. */
export interface Priority {
  readonly group: number;
  readonly version: number;
}

/** Rule: `DefaultGenericAPIServicePriorities` and the list of upstream's `cmd/kube-apiserver/app/aggregator.go`. */
const GROUPS: Readonly<Record<string, number>> = {
  // Has no APIService of its own: it is what the others stand on.
  'apiregistration.k8s.io': 20_000,
  '': 18_000,
  apps: 17_800,
  'events.k8s.io': 17_750,
  'authentication.k8s.io': 17_700,
  'authorization.k8s.io': 17_600,
  autoscaling: 17_500,
  batch: 17_400,
  'certificates.k8s.io': 17_300,
  'networking.k8s.io': 17_200,
  policy: 17_100,
  'rbac.authorization.k8s.io': 17_000,
  'storage.k8s.io': 16_800,
  'admissionregistration.k8s.io': 16_700,
  'apiextensions.k8s.io': 16_700,
  'scheduling.k8s.io': 16_600,
  'coordination.k8s.io': 16_500,
  'node.k8s.io': 16_300,
  'discovery.k8s.io': 16_200,
  'resource.k8s.io': 16_200,
  'flowcontrol.apiserver.k8s.io': 16_100,
  // As metrics-server registers itself.
  'metrics.k8s.io': 100,
};

const VERSIONS: Readonly<Record<string, number>> = {
  '/v1': 1,
  'autoscaling/v2': 30,
  'resource.k8s.io/v1': 21,
  'flowcontrol.apiserver.k8s.io/v1': 21,
  'metrics.k8s.io/v1beta1': 100,
};

const BUILTIN_VERSION = 15;

/** Undefined for a group that is not built in. */
export function builtinPriority(group: string, version: string): Priority | undefined {
  const own = Object.hasOwn(GROUPS, group) ? GROUPS[group] : undefined;
  if (own === undefined) return undefined;
  return { group: own, version: VERSIONS[`${group}/${version}`] ?? BUILTIN_VERSION };
}

/** Of groups that definitions bring: low, and their versions are ordered by name. */
export const CUSTOM_PRIORITY: Priority = { group: 1000, version: 100 };
