import { describe, expect, it } from 'vitest';
import type { ContainerPort, Pod } from '#proto/schema/generated/core-v1.ts';
import { type BoardRoom, planAdmission } from './admission.plan.ts';

const aPod = (ports: ContainerPort[], hostNetwork = false): Pod => ({
  metadata: {},
  spec: { hostNetwork, containers: [{ name: 'main', ports }] },
});
const room: BoardRoom = {
  others: [],
  allocatable: {},
  pressure: [],
  unsafeSysctls: [],
  isShuttingDown: false,
};
const port = (hostPort: number, more: Partial<ContainerPort> = {}): ContainerPort => ({
  containerPort: 80,
  hostPort,
  ...more,
});

it.each<[string, Pod, Pod, string | undefined]>([
  ['the same port', aPod([port(8080)]), aPod([port(8080)]), 'NodePorts'],
  ['another port', aPod([port(8080)]), aPod([port(8081)]), undefined],
  ['another protocol', aPod([port(53)]), aPod([port(53, { protocol: 'UDP' })]), undefined],
  [
    'two addresses',
    aPod([port(80, { hostIP: '10.0.0.1' })]),
    aPod([port(80, { hostIP: '10.0.0.2' })]),
    undefined,
  ],
  ['an address and all', aPod([port(80, { hostIP: '10.0.0.1' })]), aPod([port(80)]), 'NodePorts'],
  ['the network of the host', aPod([{ containerPort: 80 }], true), aPod([port(80)]), 'NodePorts'],
  ['no port of the host', aPod([{ containerPort: 80 }]), aPod([{ containerPort: 80 }]), undefined],
])('beside a pod with %s', (_what, pod, other, reason) => {
  expect(planAdmission(pod, { ...room, others: [other] })?.reason).toBe(reason);
});

it('takes no more pods than the board has room for', () => {
  expect(planAdmission(aPod([]), { ...room, others: [aPod([])], allocatable: { pods: '1' } })).toEqual({
    reason: 'OutOfpods',
    message: "Node didn't have enough resource: pods, requested: 1, used: 1, capacity: 1",
  });
});

const asking = (requests: Record<string, string>): Pod => ({
  metadata: {},
  spec: { containers: [{ name: 'main', resources: { requests } }] },
});

it.each<[string, Record<string, string>, string | undefined]>([
  ['as much as is left', { cpu: '600m', memory: '1Gi' }, undefined],
  [
    'more CPU than is left',
    { cpu: '601m' },
    "Node didn't have enough resource: cpu, requested: 601, used: 400, capacity: 1000",
  ],
  [
    'more memory than there is',
    { memory: '3Gi' },
    "Node didn't have enough resource: memory, requested: 3221225472, used: 0, capacity: 1073741824",
  ],
  ['what the board does not know', { 'example.com/foo': '1' }, undefined],
])('a pod that asks for %s', (_what, requests, message) => {
  const rejection = planAdmission(asking(requests), {
    ...room,
    others: [asking({ cpu: '400m' })],
    allocatable: { cpu: '1', memory: '1Gi' },
  });
  expect(rejection?.message).toBe(message);
});

it.each<[string, string, Partial<Pod['spec']>, string | undefined]>([
  ['a safe one', 'kernel.shm_rmid_forced', {}, undefined],
  ['one that harms', 'kernel.msgmax', {}, 'forbidden sysctl: "kernel.msgmax" not allowlisted'],
  ['one that is allowed here', 'net.core.somaxconn', {}, undefined],
  [
    "one of the host's network",
    'net/ipv4/tcp_syncookies',
    { hostNetwork: true },
    'forbidden sysctl: "net.ipv4.tcp_syncookies" not allowed with host net enabled',
  ],
  [
    "one of the host's IPC",
    'kernel.shm_rmid_forced',
    { hostIPC: true },
    'forbidden sysctl: "kernel.shm_rmid_forced" not allowed with host ipc enabled',
  ],
])('kernel parameters: %s', (_what, name, spec, message) => {
  const pod = aPod([]);
  const asking = {
    ...pod,
    spec: { ...pod.spec, ...spec, securityContext: { sysctls: [{ name, value: '1' }] } },
  };
  const verdict = planAdmission(asking, { ...room, unsafeSysctls: ['net.core.*'] });
  expect(verdict?.message).toBe(message);
  expect(verdict?.reason).toBe(message && 'SysctlForbidden');
});

it('takes nobody when the board is being switched off', () => {
  expect(planAdmission(aPod([]), { ...room, isShuttingDown: true })).toEqual({
    reason: 'NodeShutdown',
    message: 'Pod was rejected as the node is shutting down.',
  });
});

describe('pressure', () => {
  const bestEffort = aPod([]);
  const burstable: Pod = {
    metadata: {},
    spec: { containers: [{ name: 'main', resources: { requests: { memory: '1Mi' } } }] },
  };
  const critical: Pod = { metadata: {}, spec: { ...bestEffort.spec, priority: 2_000_001_000 } };
  const tolerant: Pod = {
    metadata: {},
    spec: {
      ...bestEffort.spec,
      tolerations: [{ key: 'node.kubernetes.io/memory-pressure', operator: 'Exists' }],
    },
  };
  it.each<[string, Pod, BoardRoom['pressure'], boolean]>([
    ['memory, best effort', bestEffort, ['MemoryPressure'], false],
    ['memory, with a request', burstable, ['MemoryPressure'], true],
    ['memory, tolerated', tolerant, ['MemoryPressure'], true],
    ['memory, critical', critical, ['MemoryPressure'], true],
    ['disk, with a request', burstable, ['DiskPressure'], false],
    ['memory and disk, tolerant of memory', tolerant, ['MemoryPressure', 'DiskPressure'], false],
    ['none', bestEffort, [], true],
  ])('of %s', (_what, pod, pressure, taken) => {
    expect(planAdmission(pod, { ...room, pressure }) === undefined).toBe(taken);
  });

  it('is told in the words of the kubelet', () => {
    expect(planAdmission(bestEffort, { ...room, pressure: ['DiskPressure'] })).toEqual({
      reason: 'Evicted',
      message: 'The node had condition: [DiskPressure]. ',
    });
  });
});
