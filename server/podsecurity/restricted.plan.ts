/** The restricted rules: what hardens a Pod beyond baseline. Rule: upstream's `pod-security-admission/policy`. */
import type { Volume } from '#proto/schema/generated/core-v1.ts';
import { procMount } from '#server/podsecurity/baseline.plan.ts';
import {
  type Check,
  type CheckPod,
  containers,
  containersOf,
  containersWhere,
  hasOwnUsers,
  isWindows,
  plural,
  quoted,
  setters,
  sorted,
} from '#server/podsecurity/check.plan.ts';
import { seccompProfile } from '#server/podsecurity/seccomp.plan.ts';

/** Windows knows nothing of it. */
const exceptWindows =
  (check: CheckPod): CheckPod =>
  (pod) =>
    isWindows(pod) ? undefined : check(pod);

const exceptOwnUsers =
  (check: CheckPod): CheckPod =>
  (pod) =>
    hasOwnUsers(pod) ? undefined : check(pod);

const escalation: CheckPod = (pod) => {
  const bad = containersWhere(pod, (context) => context?.allowPrivilegeEscalation !== false);
  return bad.length > 0
    ? {
        reason: 'allowPrivilegeEscalation != false',
        detail: `${containers(bad)} must set securityContext.allowPrivilegeEscalation=false`,
      }
    : undefined;
};

const capabilities: CheckPod = (pod) => {
  const all = containersOf(pod).map(({ name, securityContext }) => ({
    name,
    dropsAll: securityContext?.capabilities?.drop?.includes('ALL') ?? false,
    added: (securityContext?.capabilities?.add ?? []).filter((one) => one !== 'NET_BIND_SERVICE'),
  }));
  const details: string[] = [];
  const keeping = all.filter(({ dropsAll }) => !dropsAll).map(({ name }) => name);
  if (keeping.length > 0)
    details.push(`${containers(keeping)} must set securityContext.capabilities.drop=["ALL"]`);
  const adding = all.filter(({ added }) => added.length > 0);
  if (adding.length > 0)
    details.push(
      `${containers(adding.map(({ name }) => name))} must not include ${quoted(sorted(adding.flatMap(({ added }) => added)))} in securityContext.capabilities.add`,
    );
  return details.length > 0 ? { reason: 'unrestricted capabilities', detail: details.join('; ') } : undefined;
};

const VOLUMES: readonly (keyof Volume)[] = [
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'image',
  'persistentVolumeClaim',
  'projected',
  'secret',
];

const volumes: CheckPod = ({ spec }) => {
  const bad = (spec.volumes ?? []).filter((volume) => !VOLUMES.some((kind) => volume[kind]));
  if (bad.length === 0) return undefined;
  const types = sorted(
    bad.map(
      (volume) => Object.keys(volume).find((key) => key !== 'name' && volume[key as 'nfs']) ?? 'unknown',
    ),
  );
  const names = bad.map(({ name }) => name);
  return {
    reason: 'restricted volume types',
    detail: `${plural('volume', names.length)} ${quoted(names)} ${names.length === 1 ? 'uses' : 'use'} ${plural('restricted volume type', types.length)} ${quoted(types)}`,
  };
};

const nonRoot: CheckPod = (pod) => {
  const own = pod.spec.securityContext?.runAsNonRoot;
  const reason = 'runAsNonRoot != true';
  const who = setters(
    own === false,
    containersWhere(pod, (context) => context?.runAsNonRoot === false),
  );
  if (who.length > 0)
    return { reason, detail: `${who.join(' and ')} must not set securityContext.runAsNonRoot=false` };
  const silent = own ? [] : containersWhere(pod, (context) => context?.runAsNonRoot === undefined);
  return silent.length > 0
    ? { reason, detail: `pod or ${containers(silent)} must set securityContext.runAsNonRoot=true` }
    : undefined;
};

const user: CheckPod = (pod) => {
  const who = setters(
    pod.spec.securityContext?.runAsUser === 0,
    containersWhere(pod, (context) => context?.runAsUser === 0),
  );
  return who.length > 0
    ? { reason: 'runAsUser=0', detail: `${who.join(' and ')} must not set runAsUser=0` }
    : undefined;
};

const seccomp: CheckPod = (pod) => seccompProfile(pod, true);

/** In the order of their names. */
export const RESTRICTED: readonly Check[] = [
  {
    id: 'allowPrivilegeEscalation',
    versions: [
      [8, escalation],
      [25, exceptWindows(escalation)],
    ],
  },
  {
    id: 'capabilities_restricted',
    versions: [
      [22, capabilities],
      [25, exceptWindows(capabilities)],
    ],
    overrides: ['capabilities_baseline'],
  },
  { id: 'procMount_restricted', versions: [[35, procMount]], overrides: ['procMount'] },
  { id: 'restrictedVolumes', versions: [[0, volumes]], overrides: ['hostPathVolumes'] },
  {
    id: 'runAsNonRoot',
    versions: [
      [0, nonRoot],
      [35, exceptOwnUsers(nonRoot)],
    ],
  },
  {
    id: 'runAsUser',
    versions: [
      [23, user],
      [35, exceptOwnUsers(user)],
    ],
  },
  {
    id: 'seccompProfile_restricted',
    versions: [
      [19, seccomp],
      [25, exceptWindows(seccomp)],
    ],
    overrides: ['seccompProfile_baseline'],
  },
];
