import { describe, expect, it } from 'vitest';
import * as cri from '#proto/containerd/generated/cri.ts';
import { aContainer, aSandbox, someResources } from '../fake/configs.ts';
import { fromContainerStatus } from './from-cri.ts';
import { toContainerConfig, toPodSandboxConfig, toResources } from './to-cri.ts';

describe('to CRI', () => {
  it('a sandbox survives the wire', () => {
    const config = toPodSandboxConfig(
      aSandbox({
        portMappings: [{ protocol: 'UDP', containerPort: 53, hostPort: 5353, hostIp: '' }],
        namespaces: { network: 'node', pid: 'pod', ipc: 'node' },
        sysctls: { 'net.ipv4.ip_forward': '1' },
        runAsGroup: 5,
      }),
    );
    expect(cri.PodSandboxConfig.decode(cri.PodSandboxConfig.encode(config).finish())).toEqual(config);
    expect(config.portMappings[0]?.protocol).toBe(cri.Protocol.UDP);
    expect(config.linux?.securityContext?.namespaceOptions).toMatchObject({
      network: cri.NamespaceMode.NODE,
      pid: cri.NamespaceMode.POD,
    });
    // CRI refuses a group without a user.
    expect(config.linux?.securityContext?.runAsGroup).toBeUndefined();
  });

  it('masks /proc, but not for privileged containers and unmasked ones', () => {
    const { security } = aContainer();
    const of = (change: Partial<typeof security>) =>
      toContainerConfig(aContainer({ security: { ...security, ...change } }), aSandbox(), false).linux
        ?.securityContext;
    expect(of({})?.maskedPaths).toContain('/proc/kcore');
    expect(of({})?.readonlyPaths).toContain('/proc/sys');
    expect(of({ privileged: true })?.maskedPaths).toEqual([]);
    expect(of({ unmaskedProc: true })?.readonlyPaths).toEqual([]);
    const target = of({ targetPidContainer: 'abc' })?.namespaceOptions;
    expect(target).toMatchObject({ pid: cri.NamespaceMode.TARGET, targetId: 'abc' });
    const localhost = of({ seccomp: { type: 'Localhost', path: '/p.json' } })?.seccomp;
    expect(localhost).toEqual({ profileType: cri.ProfileType.LOCALHOST, localhostRef: '/p.json' });
  });

  it('says nothing of a CPU limit that is not there', () => {
    expect(toResources(someResources({ cpuQuotaUs: 0 }), false)).toMatchObject({
      cpuQuota: 0n,
      cpuPeriod: 0n,
    });
    expect(toResources(someResources({ cpuQuotaUs: 5000 }), false).cpuQuota).toBe(5000n);
  });
});

it('has the kernel end a whole container for want of memory, where it can', () => {
  expect(toResources(someResources(), true).unified).toEqual({ 'memory.oom.group': '1' });
  expect(toResources(someResources(), false).unified).toEqual({});
});

describe('from CRI', () => {
  const status = (change: Partial<cri.ContainerStatus>): cri.ContainerStatus => ({
    id: 'c',
    metadata: { name: 'main', attempt: 2 },
    state: cri.ContainerState.CONTAINER_EXITED,
    createdAt: 1_800_000_000_123_456_789n,
    startedAt: 0n,
    finishedAt: 0n,
    exitCode: 0,
    image: { image: 'i' },
    imageRef: 'sha256:1',
    reason: '',
    message: '',
    labels: {},
    annotations: {},
    ...change,
  });

  it.each([
    ['exited by SIGKILL', { exitCode: 137 }, 'OOMKilled'],
    ['that ended by itself', { exitCode: 7 }, 'Error'],
    ['that ended well', { exitCode: 0 }, 'Completed'],
    ['still running', { state: cri.ContainerState.CONTAINER_RUNNING }, ''],
  ])('believes OOMKilled only of a container that SIGKILL ended: one %s', (_name, change, reason) => {
    expect(fromContainerStatus(status({ reason: 'OOMKilled', ...change }), 's').reason).toBe(reason);
  });

  it('gives times as milliseconds, and none for what did not happen', () => {
    const state = fromContainerStatus(status({ startedAt: 1_800_000_001_000_000_000n }), 's');
    expect(state.createdAtMs).toBe(1_800_000_000_123.456);
    expect(state.startedAtMs).toBe(1_800_000_001_000);
    expect(state.finishedAtMs).toBeUndefined();
    expect(state).toMatchObject({ sandboxId: 's', attempt: 2, state: 'exited' });
  });
});
