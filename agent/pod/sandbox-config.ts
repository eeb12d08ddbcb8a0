/** From a pod to its sandbox. */
import type { SandboxConfig } from '#agent/runtime/runtime.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import type { DnsConfig } from './dns.plan.ts';
import { containersOf } from './history.plan.ts';
import { POD_NAME, POD_NAMESPACE, POD_UID, START_TIME } from './labels.ts';
import { seccomp, supplementalGroups } from './security.ts';

export interface SandboxConfigInput {
  readonly pod: Pod;
  readonly attempt: number;
  readonly hostname: string;
  readonly logDirectory: string;
  readonly dns: DnsConfig;
  readonly cgroupParent: string;
  readonly startTimeMs: number;
  readonly seccompDir: string;
  /** Handler of the pod's RuntimeClass. */
  readonly runtimeHandler: string;
}

export function sandboxConfig(input: SandboxConfigInput): SandboxConfig {
  const { pod } = input;
  const { spec, metadata } = pod;
  const security = spec.securityContext ?? {};
  const containers = containersOf(pod).map((c) => c.spec);
  return {
    name: metadata.name ?? '',
    namespace: metadata.namespace ?? '',
    uid: metadata.uid ?? '',
    attempt: input.attempt,
    hostname: spec.hostNetwork ? '' : input.hostname,
    logDirectory: input.logDirectory,
    dns: input.dns,
    portMappings: containers
      .flatMap((c) => c.ports ?? [])
      .filter((port) => port.hostPort && !spec.hostNetwork)
      .map((port) => ({
        protocol: port.protocol === 'UDP' || port.protocol === 'SCTP' ? port.protocol : 'TCP',
        containerPort: port.containerPort,
        hostPort: port.hostPort ?? 0,
        hostIp: port.hostIP ?? '',
      })),
    labels: {
      ...metadata.labels,
      [POD_NAME]: metadata.name ?? '',
      [POD_NAMESPACE]: metadata.namespace ?? '',
      [POD_UID]: metadata.uid ?? '',
    },
    annotations: { [START_TIME]: String(input.startTimeMs) },
    cgroupParent: input.cgroupParent,
    sysctls: Object.fromEntries((security.sysctls ?? []).map(({ name, value }) => [name, value])),
    namespaces: {
      network: spec.hostNetwork ? 'node' : 'pod',
      pid: spec.hostPID ? 'node' : spec.shareProcessNamespace ? 'pod' : 'container',
      ipc: spec.hostIPC ? 'node' : 'pod',
    },
    // A privileged container needs a privileged sandbox around it.
    privileged: containers.some((c) => c.securityContext?.privileged),
    seccomp: seccomp({ type: 'RuntimeDefault' }, input.seccompDir),
    runAsUser: security.runAsUser,
    runAsGroup: security.runAsGroup,
    supplementalGroups: supplementalGroups(pod, []),
    runtimeHandler: input.runtimeHandler,
  };
}
