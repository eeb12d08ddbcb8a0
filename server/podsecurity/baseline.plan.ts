/** The baseline rules: no way out of the container that is known. Rule: upstream's `pod-security-admission/policy`. */
import type { SELinuxOptions } from '#proto/schema/generated/core-v1.ts';
import { hostProbes, sysctls } from '#server/podsecurity/baseline-host.plan.ts';
import {
  type Check,
  type CheckPod,
  containers,
  containersOf,
  containersWhere,
  hasOwnUsers,
  plural,
  quoted,
  setters,
  sorted,
} from '#server/podsecurity/check.plan.ts';
import { seccompAnnotations, seccompProfile } from '#server/podsecurity/seccomp.plan.ts';

const APPARMOR = 'container.apparmor.security.beta.kubernetes.io/';
const CAPABILITIES = [
  'AUDIT_WRITE',
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'MKNOD',
  'NET_BIND_SERVICE',
  'SETFCAP',
  'SETGID',
  'SETPCAP',
  'SETUID',
  'SYS_CHROOT',
];

const appArmor: CheckPod = (pod) => {
  const isBad = (type: string | undefined): type is string =>
    type !== undefined && type !== 'RuntimeDefault' && type !== 'Localhost';
  const typeOf = (context: { appArmorProfile?: { type: string } | undefined } | undefined) =>
    context?.appArmorProfile?.type;
  const own = typeOf(pod.spec.securityContext);
  const bad = containersWhere(pod, (context) => isBad(typeOf(context)));
  const types = [own, ...containersOf(pod).map((c) => typeOf(c.securityContext))].filter(isBad);
  const annotations = Object.entries(pod.metadata?.annotations ?? {})
    .filter(([key, value]) => key.startsWith(APPARMOR) && !isAllowedProfile(value))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .sort();
  const who = setters(isBad(own), bad);
  if (annotations.length > 0) who.push(plural('annotation', annotations.length));
  if (who.length === 0) return undefined;
  const values = [...sorted(types), ...annotations];
  return {
    reason: plural('forbidden AppArmor profile', values.length),
    detail: `${who.join(' and ')} must not set AppArmor profile type to ${quoted(values)}`,
  };
};

const isAllowedProfile = (value: string): boolean =>
  value === '' || value === 'runtime/default' || value.startsWith('localhost/');

const capabilities: CheckPod = (pod) => {
  const added = (context: { capabilities?: { add?: string[] | undefined } | undefined } | undefined) =>
    (context?.capabilities?.add ?? []).filter((one) => !CAPABILITIES.includes(one));
  const bad = containersWhere(pod, (context) => added(context).length > 0);
  if (bad.length === 0) return undefined;
  const all = sorted(containersOf(pod).flatMap((c) => added(c.securityContext)));
  return {
    reason: 'non-default capabilities',
    detail: `${containers(bad)} must not include ${quoted(all)} in securityContext.capabilities.add`,
  };
};

const hostNamespaces: CheckPod = ({ spec }) => {
  const set = (['hostNetwork', 'hostPID', 'hostIPC'] as const).filter((field) => spec[field]);
  return set.length > 0
    ? { reason: 'host namespaces', detail: set.map((field) => `${field}=true`).join(', ') }
    : undefined;
};

const hostPathVolumes: CheckPod = ({ spec }) => {
  const names = (spec.volumes ?? []).filter(({ hostPath }) => hostPath).map(({ name }) => name);
  return names.length > 0
    ? { reason: 'hostPath volumes', detail: `${plural('volume', names.length)} ${quoted(names)}` }
    : undefined;
};

const hostPorts: CheckPod = (pod) => {
  const portsOf = ({ ports = [] }: { ports?: { hostPort?: number | undefined }[] | undefined }): string[] =>
    ports.flatMap(({ hostPort }) => (hostPort ? [String(hostPort)] : []));
  const bad = containersOf(pod).filter((one) => portsOf(one).length > 0);
  if (bad.length === 0) return undefined;
  const ports = sorted(bad.flatMap(portsOf));
  const use = bad.length === 1 ? 'uses' : 'use';
  return {
    reason: 'hostPort',
    detail: `${containers(bad.map(({ name }) => name))} ${use} ${plural('hostPort', ports.length)} ${ports.join(', ')}`,
  };
};

const privileged: CheckPod = (pod) => {
  const bad = containersWhere(pod, (context) => context?.privileged === true);
  return bad.length > 0
    ? { reason: 'privileged', detail: `${containers(bad)} must not set securityContext.privileged=true` }
    : undefined;
};

export const procMount: CheckPod = (pod) => {
  const isBad = (type: string | undefined): type is string => type !== undefined && type !== 'Default';
  const bad = containersWhere(pod, (context) => isBad(context?.procMount));
  if (bad.length === 0) return undefined;
  const types = sorted(
    containersOf(pod)
      .flatMap((c) => c.securityContext?.procMount ?? [])
      .filter(isBad),
  );
  return {
    reason: 'procMount',
    detail: `${containers(bad)} must not set securityContext.procMount to ${quoted(types)}`,
  };
};

const SELINUX_TYPES = ['', 'container_t', 'container_init_t', 'container_kvm_t'];

const seLinux =
  (allowed: readonly string[]): CheckPod =>
  (pod) => {
    const isBad = (options: SELinuxOptions | undefined): options is SELinuxOptions =>
      options !== undefined &&
      (!allowed.includes(options.type ?? '') || Boolean(options.user) || Boolean(options.role));
    const own = pod.spec.securityContext?.seLinuxOptions;
    const bad = containersWhere(pod, (context) => isBad(context?.seLinuxOptions));
    const who = setters(isBad(own), bad);
    if (who.length === 0) return undefined;
    const options = [own, ...containersOf(pod).map((c) => c.securityContext?.seLinuxOptions)].filter(isBad);
    const types = sorted(options.map(({ type = '' }) => type).filter((type) => !allowed.includes(type)));
    const data = [
      ...(types.length > 0 ? [`${plural('type', types.length)} ${quoted(types)}`] : []),
      ...(options.some(({ user }) => user) ? ['user may not be set'] : []),
      ...(options.some(({ role }) => role) ? ['role may not be set'] : []),
    ];
    return {
      reason: 'seLinuxOptions',
      detail: `${who.join(' and ')} set forbidden securityContext.seLinuxOptions: ${data.join('; ')}`,
    };
  };

const windowsHostProcess: CheckPod = (pod) => {
  const isBad = (
    context: { windowsOptions?: { hostProcess?: boolean | undefined } | undefined } | undefined,
  ) => context?.windowsOptions?.hostProcess === true;
  const who = setters(isBad(pod.spec.securityContext), containersWhere(pod, isBad));
  return who.length > 0
    ? {
        reason: 'hostProcess',
        detail: `${who.join(' and ')} must not set securityContext.windowsOptions.hostProcess=true`,
      }
    : undefined;
};

/** In the order of their names, in which violations are told. */
export const BASELINE: readonly Check[] = [
  { id: 'appArmorProfile', versions: [[0, appArmor]] },
  { id: 'capabilities_baseline', versions: [[0, capabilities]] },
  { id: 'hostNamespaces', versions: [[0, hostNamespaces]] },
  { id: 'hostPathVolumes', versions: [[0, hostPathVolumes]] },
  { id: 'hostPorts', versions: [[0, hostPorts]] },
  { id: 'hostProbesAndHostLifecycle', versions: [[34, hostProbes]] },
  { id: 'privileged', versions: [[0, privileged]] },
  {
    id: 'procMount',
    versions: [
      [0, procMount],
      [35, (pod) => (hasOwnUsers(pod) ? undefined : procMount(pod))],
    ],
  },
  {
    id: 'seLinuxOptions',
    versions: [
      [0, seLinux(SELINUX_TYPES)],
      [31, seLinux([...SELINUX_TYPES, 'container_engine_t'])],
    ],
  },
  {
    id: 'seccompProfile_baseline',
    versions: [
      [0, seccompAnnotations],
      [19, (pod) => seccompProfile(pod, false)],
    ],
  },
  { id: 'sysctls', versions: [0, 27, 29, 32].map((since) => [since, sysctls(since)] as const) },
  { id: 'windowsHostProcess', versions: [[0, windowsHostProcess]] },
];
