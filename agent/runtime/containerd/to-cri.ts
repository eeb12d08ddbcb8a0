/** Our configuration in CRI's messages. */
import * as cri from '#proto/containerd/generated/cri.ts';
import type {
  ContainerConfig,
  LinuxResources,
  Mount,
  NamespaceMode,
  SandboxConfig,
  SeccompProfile,
} from '../runtime.ts';

export function toPodSandboxConfig(config: SandboxConfig): cri.PodSandboxConfig {
  return {
    metadata: { name: config.name, uid: config.uid, namespace: config.namespace, attempt: config.attempt },
    hostname: config.hostname,
    logDirectory: config.logDirectory,
    dnsConfig: {
      servers: [...config.dns.servers],
      searches: [...config.dns.searches],
      options: [...config.dns.options],
    },
    portMappings: config.portMappings.map((mapping) => ({
      protocol: cri.Protocol[mapping.protocol],
      containerPort: mapping.containerPort,
      hostPort: mapping.hostPort,
      hostIp: mapping.hostIp,
    })),
    labels: { ...config.labels },
    annotations: { ...config.annotations },
    linux: {
      cgroupParent: config.cgroupParent,
      sysctls: { ...config.sysctls },
      securityContext: {
        namespaceOptions: toNamespaceOption(config, undefined),
        runAsUser: toInt64(config.runAsUser),
        // CRI refuses a group without a user.
        runAsGroup: config.runAsUser === undefined ? undefined : toInt64(config.runAsGroup),
        readonlyRootfs: false,
        supplementalGroups: config.supplementalGroups.map(BigInt),
        privileged: config.privileged,
        seccomp: toSecurityProfile(config.seccomp),
      },
    },
  };
}

export function toContainerConfig(
  config: ContainerConfig,
  sandbox: SandboxConfig,
  cgroupV2: boolean,
): cri.ContainerConfig {
  const { security } = config;
  const unmasked = security.privileged || security.unmaskedProc;
  return {
    metadata: { name: config.name, attempt: config.attempt },
    image: { image: config.image },
    command: [...config.command],
    args: [...config.args],
    workingDir: config.workingDir,
    envs: config.envs.map(({ key, value }) => ({ key, value })),
    mounts: config.mounts.map(toMount),
    devices: config.devices.map((device) => ({ ...device })),
    labels: { ...config.labels },
    annotations: { ...config.annotations },
    logPath: config.logPath,
    stdin: config.stdin,
    stdinOnce: config.stdinOnce,
    tty: config.tty,
    linux: {
      resources: toResources(config.resources, cgroupV2),
      securityContext: {
        capabilities: {
          addCapabilities: [...security.addCapabilities],
          dropCapabilities: [...security.dropCapabilities],
        },
        privileged: security.privileged,
        namespaceOptions: toNamespaceOption(sandbox, security.targetPidContainer),
        runAsUser: toInt64(security.runAsUser),
        runAsUsername: '',
        runAsGroup: toInt64(security.runAsGroup),
        readonlyRootfs: security.readOnlyRootfs,
        supplementalGroups: security.supplementalGroups.map(BigInt),
        noNewPrivs: security.noNewPrivileges,
        maskedPaths: unmasked ? [] : [...MASKED_PATHS],
        readonlyPaths: unmasked ? [] : [...READONLY_PATHS],
        seccomp: toSecurityProfile(security.seccomp),
      },
    },
  };
}

/** On v2, a container that is out of memory ends as a whole, as the kubelet has it: what is left of one is of no use. */
export function toResources(resources: LinuxResources, cgroupV2: boolean): cri.LinuxContainerResources {
  return {
    cpuPeriod: BigInt(resources.cpuQuotaUs > 0 ? resources.cpuPeriodUs : 0),
    cpuQuota: BigInt(resources.cpuQuotaUs),
    cpuShares: BigInt(resources.cpuShares),
    memoryLimitInBytes: BigInt(resources.memoryLimitBytes),
    oomScoreAdj: BigInt(resources.oomScoreAdj),
    unified: cgroupV2 ? { 'memory.oom.group': '1' } : {},
    memorySwapLimitInBytes: 0n,
  };
}

function toMount(mount: Mount): cri.Mount {
  return {
    containerPath: mount.containerPath,
    hostPath: mount.hostPath,
    readonly: mount.readOnly,
    propagation: PROPAGATION[mount.propagation],
  };
}

const PROPAGATION = {
  private: cri.MountPropagation.PROPAGATION_PRIVATE,
  'host-to-container': cri.MountPropagation.PROPAGATION_HOST_TO_CONTAINER,
  bidirectional: cri.MountPropagation.PROPAGATION_BIDIRECTIONAL,
} as const satisfies Record<Mount['propagation'], cri.MountPropagation>;

const NAMESPACE = {
  pod: cri.NamespaceMode.POD,
  container: cri.NamespaceMode.CONTAINER,
  node: cri.NamespaceMode.NODE,
} as const satisfies Record<NamespaceMode, cri.NamespaceMode>;

function toNamespaceOption(sandbox: SandboxConfig, targetId: string | undefined): cri.NamespaceOption {
  const { network, pid, ipc } = sandbox.namespaces;
  return {
    network: NAMESPACE[network],
    pid: targetId === undefined ? NAMESPACE[pid] : cri.NamespaceMode.TARGET,
    ipc: NAMESPACE[ipc],
    targetId: targetId ?? '',
  };
}

function toSecurityProfile(profile: SeccompProfile): cri.SecurityProfile {
  switch (profile.type) {
    case 'RuntimeDefault':
      return { profileType: cri.ProfileType.RUNTIME_DEFAULT, localhostRef: '' };
    case 'Unconfined':
      return { profileType: cri.ProfileType.UNCONFINED, localhostRef: '' };
    case 'Localhost':
      return { profileType: cri.ProfileType.LOCALHOST, localhostRef: profile.path };
  }
}

function toInt64(value: number | undefined): cri.Int64Value | undefined {
  return value === undefined ? undefined : { value: BigInt(value) };
}

/** A runtime masks nothing by itself: the list comes with every container, as it does from Kubernetes. */
const MASKED_PATHS = [
  '/proc/asound',
  '/proc/acpi',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
] as const;

const READONLY_PATHS = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'] as const;
