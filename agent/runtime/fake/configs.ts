/** Builders for tests: a whole configuration from what the test is about. */
import type { ContainerConfig, LinuxResources, SandboxConfig } from '../runtime.ts';

export function aSandbox(overrides: Partial<SandboxConfig> = {}): SandboxConfig {
  const name = overrides.name ?? 'web';
  const namespace = overrides.namespace ?? 'default';
  const uid = overrides.uid ?? '0c0ac1e0-0000-4000-8000-000000000001';
  return {
    name,
    namespace,
    uid,
    attempt: 0,
    hostname: name,
    logDirectory: `/var/log/pods/${namespace}_${name}_${uid}`,
    dns: { servers: ['10.43.0.10'], searches: [`${namespace}.svc.cluster.local`], options: ['ndots:5'] },
    portMappings: [],
    labels: {
      'io.kubernetes.pod.name': name,
      'io.kubernetes.pod.namespace': namespace,
      'io.kubernetes.pod.uid': uid,
    },
    annotations: {},
    cgroupParent: `/kubepods/besteffort/pod${uid}`,
    sysctls: {},
    namespaces: { network: 'pod', pid: 'container', ipc: 'pod' },
    privileged: false,
    seccomp: { type: 'RuntimeDefault' },
    supplementalGroups: [],
    runtimeHandler: '',
    ...overrides,
  };
}

export function aContainer(overrides: Partial<ContainerConfig> = {}): ContainerConfig {
  const name = overrides.name ?? 'main';
  const attempt = overrides.attempt ?? 0;
  return {
    name,
    attempt,
    image: 'coracle.test/busybox:1',
    command: [],
    args: [],
    workingDir: '',
    envs: [],
    mounts: [],
    devices: [],
    labels: { 'io.kubernetes.container.name': name },
    annotations: {},
    logPath: `${name}/${attempt}.log`,
    stdin: false,
    stdinOnce: false,
    tty: false,
    resources: someResources(),
    security: {
      privileged: false,
      addCapabilities: [],
      dropCapabilities: [],
      readOnlyRootfs: false,
      noNewPrivileges: false,
      supplementalGroups: [],
      seccomp: { type: 'RuntimeDefault' },
      unmaskedProc: false,
    },
    ...overrides,
  };
}

export function someResources(overrides: Partial<LinuxResources> = {}): LinuxResources {
  return {
    cpuShares: 2,
    cpuQuotaUs: 0,
    cpuPeriodUs: 100_000,
    memoryLimitBytes: 0,
    oomScoreAdj: 1000,
    ...overrides,
  };
}
