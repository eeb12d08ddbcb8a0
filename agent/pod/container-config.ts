/** From a container of the spec to what the runtime is told. */
import type { GivenDevices } from '#agent/devices/devices.ts';
import type { ContainerConfig, Mount } from '#agent/runtime/runtime.ts';
import type { PreparedVolume } from '#agent/volumes/volume.ts';
import type {
  Container,
  EphemeralContainer,
  Pod,
  VolumeDevice,
  VolumeMount,
} from '#proto/schema/generated/core-v1.ts';
import { expand } from './expansion.plan.ts';
import {
  BACKOFF_SECONDS,
  CONTAINER_HASH,
  CONTAINER_NAME,
  DEVICES,
  GRACE_PERIOD,
  POD_NAME,
  POD_NAMESPACE,
  POD_UID,
  RESOURCES,
  RESTART_COUNT,
  TERMINATION_MESSAGE_PATH,
  TERMINATION_MESSAGE_POLICY,
} from './labels.ts';
import { kernelResources } from './qos.plan.ts';
import { resourcesText } from './resize.plan.ts';
import { hashOf } from './restart.plan.ts';
import { containerSecurity, type SecurityOptions } from './security.ts';

export interface ContainerConfigInput {
  readonly pod: Pod;
  readonly spec: Container | EphemeralContainer;
  readonly attempt: number;
  readonly backoffSeconds: number;
  readonly imageRef: string;
  readonly env: ReadonlyMap<string, string>;
  readonly security: SecurityOptions;
  readonly memoryCapacityBytes: number;
  /** What `spec.volumeMounts[index]` shows. */
  mounted(index: number): PreparedVolume | undefined;
  /** What `spec.volumeDevices` name. */
  device(volume: string): PreparedVolume | undefined;
  /** The managed /etc/hosts. */
  readonly hostsPath: string | undefined;
  /** The file behind `terminationMessagePath`. */
  readonly terminationPath: string;
  readonly logPath: string;
  /** Devices of the board. */
  readonly given: GivenDevices;
}

/** A spec that can't be carried out: becomes `CreateContainerConfigError`. */
export class ConfigError extends Error {
  readonly reason: string;
  constructor(message: string, reason = 'CreateContainerConfigError') {
    super(message);
    this.name = 'ConfigError';
    this.reason = reason;
  }
}

export const DEFAULT_TERMINATION_PATH = '/dev/termination-log';

export function containerConfig(input: ContainerConfigInput): ContainerConfig {
  const { pod, spec, env } = input;
  const lookup = (name: string): string | undefined => env.get(name);
  const terminationPath = spec.terminationMessagePath || DEFAULT_TERMINATION_PATH;
  return {
    name: spec.name,
    attempt: input.attempt,
    image: input.imageRef,
    command: (spec.command ?? []).map((text) => expand(text, lookup)),
    args: (spec.args ?? []).map((text) => expand(text, lookup)),
    workingDir: spec.workingDir ?? '',
    envs: [...env].map(([key, value]) => ({ key, value })),
    mounts: [
      ...(spec.volumeMounts ?? []).map((mount, index) => volumeMount(mount, input.mounted(index))),
      ...hostsMount(input),
      {
        hostPath: input.terminationPath,
        containerPath: terminationPath,
        readOnly: false,
        propagation: 'private',
      },
    ],
    devices: [
      ...input.given.nodes.map(({ path, containerPath }) => ({
        hostPath: path,
        containerPath,
        permissions: 'rw',
      })),
      ...(spec.volumeDevices ?? []).map((device) => volumeDevice(device, input.device(device.name))),
    ],
    labels: {
      [POD_NAME]: pod.metadata.name ?? '',
      [POD_NAMESPACE]: pod.metadata.namespace ?? '',
      [POD_UID]: pod.metadata.uid ?? '',
      [CONTAINER_NAME]: spec.name,
    },
    annotations: {
      [CONTAINER_HASH]: hashOf(spec),
      [RESOURCES]: resourcesText(spec),
      [RESTART_COUNT]: String(input.attempt),
      [TERMINATION_MESSAGE_PATH]: input.terminationPath,
      [TERMINATION_MESSAGE_POLICY]: spec.terminationMessagePolicy ?? 'File',
      [GRACE_PERIOD]: String(pod.spec.terminationGracePeriodSeconds ?? 30),
      [BACKOFF_SECONDS]: String(input.backoffSeconds),
      ...(input.given.note ? { [DEVICES]: input.given.note } : {}),
    },
    logPath: input.logPath,
    stdin: spec.stdin ?? false,
    stdinOnce: spec.stdinOnce ?? false,
    tty: spec.tty ?? false,
    resources: kernelResources(pod, spec, input.memoryCapacityBytes),
    security: containerSecurity(pod, spec, input.security),
  };
}

function hostsMount({ spec, hostsPath }: ContainerConfigInput): readonly Mount[] {
  const taken = (spec.volumeMounts ?? []).some((mount) => mount.mountPath === '/etc/hosts');
  if (!hostsPath || taken) return [];
  return [{ hostPath: hostsPath, containerPath: '/etc/hosts', readOnly: false, propagation: 'private' }];
}

const PROPAGATION: Readonly<Record<string, Mount['propagation']>> = {
  None: 'private',
  HostToContainer: 'host-to-container',
  Bidirectional: 'bidirectional',
};

function volumeMount(mount: VolumeMount, volume: PreparedVolume | undefined): Mount {
  if (volume === undefined) throw new ConfigError(`cannot find volume "${mount.name}" to mount`);
  if (volume.isBlock)
    throw new ConfigError(`volume ${mount.name} has volumeMode Block, but is specified in volumeMounts`);
  return {
    hostPath: volume.path,
    containerPath: mount.mountPath.startsWith('/') ? mount.mountPath : `/${mount.mountPath}`,
    readOnly: (mount.readOnly ?? false) || (volume.readOnly ?? false),
    propagation: PROPAGATION[mount.mountPropagation ?? 'None'] ?? 'private',
  };
}

/** Rule: the kubelet's `makeBlockVolumes`. */
function volumeDevice(
  { name, devicePath }: VolumeDevice,
  volume: PreparedVolume | undefined,
): ContainerConfig['devices'][number] {
  if (volume === undefined) throw new ConfigError(`cannot find volume "${name}" to pass into container`);
  if (!volume.isBlock)
    throw new ConfigError(`volume ${name} has volumeMode Filesystem, but is specified in volumeDevices`);
  return { hostPath: volume.path, containerPath: devicePath, permissions: volume.readOnly ? 'r' : 'mrw' };
}

/** `subPath`, or `subPathExpr` with the container's environment put in. */
export function expandedSubPath(mount: VolumeMount, env: ReadonlyMap<string, string>): string {
  if (!mount.subPathExpr) return mount.subPath ?? '';
  return expand(mount.subPathExpr, (name) => {
    const text = env.get(name);
    if (text !== undefined) return text;
    throw new ConfigError(
      `failed to expand subPathExpr of volumeMount "${mount.name}": missing value for "${name}"`,
    );
  });
}
