/** CRI's answers in our words. */
import * as cri from '#proto/containerd/generated/cri.ts';
import type { Container, ContainerState, Image, Sandbox } from '../runtime.ts';

export function fromSandbox(item: cri.PodSandbox | cri.PodSandboxStatus): Sandbox {
  return {
    id: item.id,
    name: item.metadata?.name ?? '',
    namespace: item.metadata?.namespace ?? '',
    uid: item.metadata?.uid ?? '',
    attempt: item.metadata?.attempt ?? 0,
    ready: item.state === cri.PodSandboxState.SANDBOX_READY,
    createdAtMs: toMs(item.createdAt),
    labels: item.labels,
    annotations: item.annotations,
  };
}

/** Empty on the node's network: then the node's addresses are the pod's. */
export function fromNetworkStatus(status: cri.PodSandboxStatus): {
  ip: string | undefined;
  ips: readonly string[];
} {
  const first = status.network?.ip;
  if (!first) return { ip: undefined, ips: [] };
  return { ip: first, ips: [first, ...(status.network?.additionalIps ?? []).map(({ ip }) => ip)] };
}

export function fromContainer(item: cri.Container): Container {
  return {
    id: item.id,
    sandboxId: item.podSandboxId,
    name: item.metadata?.name ?? '',
    attempt: item.metadata?.attempt ?? 0,
    state: STATES[item.state] ?? 'unknown',
    imageRef: item.imageRef,
    createdAtMs: toMs(item.createdAt),
    labels: item.labels,
    annotations: item.annotations,
  };
}

/** CRI's status does not say which sandbox: `sandboxId` comes from the list. */
export function fromContainerStatus(status: cri.ContainerStatus, sandboxId: string): ContainerState {
  const state = STATES[status.state] ?? 'unknown';
  return {
    id: status.id,
    sandboxId,
    name: status.metadata?.name ?? '',
    attempt: status.metadata?.attempt ?? 0,
    state,
    imageRef: status.imageRef,
    createdAtMs: toMs(status.createdAt),
    labels: status.labels,
    annotations: status.annotations,
    startedAtMs: toOptionalMs(status.startedAt),
    finishedAtMs: toOptionalMs(status.finishedAt),
    exitCode: status.exitCode,
    reason: fromReason(state, status),
    message: status.message,
    image: status.image?.image ?? '',
  };
}

/**
 * containerd says OOMKilled of every container of a pod whose cgroup ran out, running ones and those that ended by
 * themselves too: it is true only of one that SIGKILL ended.
 */
function fromReason(state: Container['state'], status: cri.ContainerStatus): string {
  if (status.reason !== 'OOMKilled') return status.reason;
  if (state !== 'exited') return '';
  if (status.exitCode === 137) return 'OOMKilled';
  return status.exitCode === 0 ? 'Completed' : 'Error';
}

export function fromImage(image: cri.Image): Image {
  return {
    id: image.id,
    tags: image.repoTags,
    digests: image.repoDigests,
    sizeBytes: Number(image.size),
    uid: image.uid === undefined ? undefined : Number(image.uid.value),
    username: image.username,
    pinned: image.pinned,
  };
}

const STATES: Readonly<Record<cri.ContainerState, Container['state']>> = {
  [cri.ContainerState.CONTAINER_CREATED]: 'created',
  [cri.ContainerState.CONTAINER_RUNNING]: 'running',
  [cri.ContainerState.CONTAINER_EXITED]: 'exited',
  [cri.ContainerState.CONTAINER_UNKNOWN]: 'unknown',
};

/** Nanoseconds; microseconds are kept as a fraction, because two containers may start within one millisecond. */
function toMs(nanoseconds: bigint): number {
  return Number(nanoseconds / 1000n) / 1000;
}

function toOptionalMs(nanoseconds: bigint): number | undefined {
  return nanoseconds === 0n ? undefined : toMs(nanoseconds);
}
