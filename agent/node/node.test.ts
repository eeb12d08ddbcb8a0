import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeCluster, FakeDesired } from '#agent/pod/fixtures.ts';
import { FakeRuntime } from '#agent/runtime/fake/fake-runtime.ts';
import { FakeClock } from '#proto/meta/clock.ts';
import { silent } from '#proto/meta/log.ts';
import type { NodeStatus } from '#proto/schema/generated/core-v1.ts';
import { aSample, noReservations } from './fixtures.ts';
import { NodeMetrics } from './metrics.ts';
import { type NodeOptions, startNode } from './node.ts';
import { type Inventory, type NodeFacts, nodeStatus } from './node-status.plan.ts';
import {
  parseMillidegrees,
  parseNetDev,
  parseOsRelease,
  parseThrottled,
  parseUpperFolder,
} from './proc.plan.ts';

const MI = 1024 * 1024;
const inventory: Inventory = {
  machineId: 'm',
  systemUuid: 'u',
  bootId: 'b',
  kernelVersion: '6.12.0',
  osImage: 'Debian GNU/Linux 12 (bookworm)',
  architecture: 'arm64',
  cpus: 4,
  memoryBytes: 1024 * MI,
  diskBytes: 32_000_000_000,
  model: 'Raspberry Pi 4',
};
const facts = (overrides: Partial<NodeFacts> = {}): NodeFacts => ({
  name: 'pi',
  inventory,
  addresses: ['192.168.1.10'],
  runtime: { name: 'containerd', version: 'v1.7.2' },
  health: { runtimeReady: true, networkReady: true, message: '' },
  sample: aSample(),
  pressure: [],
  reservations: noReservations,
  devices: {},
  images: [],
  now: 0,
  ...overrides,
});
const condition = (status: NodeStatus, type: string) => status.conditions?.find((c) => c.type === type);

describe('nodeStatus', () => {
  it('tells of a board that is well', () => {
    const status = nodeStatus(facts(), undefined);
    expect(status.capacity).toEqual({
      cpu: '4',
      memory: '1Gi',
      pods: '110',
      'ephemeral-storage': expect.any(String),
    });
    expect(status.allocatable?.['memory']).toBe('924Mi');
    expect(status.nodeInfo).toMatchObject({
      containerRuntimeVersion: 'containerd://1.7.2',
      architecture: 'arm64',
    });
    expect(condition(status, 'Ready')).toMatchObject({ status: 'True', reason: 'KubeletReady' });
    expect(status.conditions?.filter((c) => c.status === 'True')).toHaveLength(1);
  });

  it.each<[string, Partial<NodeFacts>, string, string]>([
    ['memory', { pressure: ['MemoryPressure'] }, 'MemoryPressure', 'True'],
    ['disk', { pressure: ['DiskPressure'] }, 'DiskPressure', 'True'],
    ['processes', { pressure: ['PIDPressure'] }, 'PIDPressure', 'True'],
    [
      'the network',
      { health: { runtimeReady: true, networkReady: false, message: 'no cni' } },
      'Ready',
      'False',
    ],
    ['the runtime', { health: { runtimeReady: false, networkReady: false, message: '' } }, 'Ready', 'False'],
  ])('tells of a want of %s', (_name, overrides, type, status) => {
    expect(condition(nodeStatus(facts(overrides), undefined), type)?.status).toBe(status);
  });

  it('offers devices, and takes back what was unplugged', () => {
    const first = nodeStatus(
      facts({ devices: { 'coracle.dev/usb': '2', 'coracle.dev/gpio': '10' } }),
      undefined,
    );
    expect(first.allocatable).toMatchObject({ 'coracle.dev/usb': '2', 'coracle.dev/gpio': '10' });
    const next = nodeStatus(facts({ devices: { 'coracle.dev/usb': '1' } }), first);
    expect(next.capacity).toMatchObject({ 'coracle.dev/usb': '1', 'coracle.dev/gpio': '0' });
  });

  it('keeps the time of a transition that was none', () => {
    const first = nodeStatus(facts(), undefined);
    const later = condition(nodeStatus(facts({ now: 60_000 }), first), 'Ready');
    expect(later).toMatchObject({
      lastTransitionTime: '1970-01-01T00:00:00Z',
      lastHeartbeatTime: '1970-01-01T00:01:00Z',
    });
  });
});

describe('a board at its server', () => {
  let clock: FakeClock;
  let cluster: FakeCluster;
  let abort: AbortController;
  const optionsOf = (): NodeOptions => ({
    runtime: new FakeRuntime({ clock }),
    desired: new FakeDesired(),
    cluster,
    clock,
    log: silent,
    nodeName: 'pi',
    inventory,
    sampler: { sample: async () => aSample() },
    metrics: new NodeMetrics(),
    reservations: noReservations,
    devices: { amounts: {}, refresh: async () => {} },
    pressure: () => [],
    hostIps: () => ['192.168.1.10'],
  });
  const written = (method: string, part: string) =>
    cluster.calls.filter((call) => call.method === method && call.path.includes(part)).length;

  beforeEach(() => {
    clock = new FakeClock();
    cluster = new FakeCluster();
    abort = new AbortController();
  });
  afterEach(() => abort.abort());

  it('registers once, renews its lease, and writes its status rarely', async () => {
    cluster.connected = false;
    const options = optionsOf();
    const { done } = startNode(options, abort.signal);
    await clock.advance(20_000);
    expect(cluster.calls).toEqual([]);
    expect(options.metrics.last?.cpuPercent).toBe(5);
    cluster.setConnected(true);
    await new Promise((resolve) => setTimeout(resolve, 20));
    for (let i = 0; i < 60; i++) {
      await clock.advance(10_000);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    expect(written('POST', '/api/v1/nodes')).toBe(1);
    expect(written('POST', '/leases')).toBe(1);
    expect(written('PATCH', '/leases/pi')).toBeGreaterThan(50);
    expect(written('PATCH', '/nodes/pi/status')).toBe(3);

    // The server may have written Unknown meanwhile, or have crashed and lost what it was told last.
    cluster.setConnected(false);
    cluster.setConnected(true);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(written('PATCH', '/nodes/pi/status')).toBe(4);
    abort.abort();
    await done;
  });

  it('has told how things are when a report ends, also one that was asked for while another was under way', async () => {
    cluster.connected = true;
    let isShuttingDown = false;
    let sampled = (): void => {};
    const sample = () =>
      new Promise<ReturnType<typeof aSample>>((resolve) => {
        sampled = () => resolve(aSample());
      });
    const options = { ...optionsOf(), sampler: { sample }, isShuttingDown: () => isShuttingDown };
    const { done, report } = startNode(options, abort.signal);
    isShuttingDown = true;
    let isTold = false;
    const reported = report().then(() => {
      isTold = true;
    });
    // The first round begins before the news and may tell it; the one that was asked for ends the report.
    sampled();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(isTold).toBe(false);
    sampled();
    await reported;
    const last = cluster.calls.filter(({ path }) => path.endsWith('/nodes/pi/status')).at(-1);
    const { status } = (last?.body ?? {}) as { status?: NodeStatus };
    expect(condition(status ?? {}, 'Ready')).toMatchObject({
      status: 'False',
      message: 'node is shutting down',
    });
    abort.abort();
    await done;
  });
});

describe('files of the kernel', () => {
  it('reads them', () => {
    const dev =
      'Inter-|\n face |\n    lo: 9 0 0 0 0 0 0 0 9 0\n  eth0: 100 0 0 0 0 0 0 0 50 0\n veth1: 7 0 0 0 0 0 0 0 7 0\n';
    expect(parseNetDev(dev)).toEqual({ receivedBytes: 100, sentBytes: 50 });
    expect(parseOsRelease('PRETTY_NAME="Debian 12"\nID=debian\n').get('PRETTY_NAME')).toBe('Debian 12');
    expect(parseThrottled('50005\n')).toBe(0x50005);
    expect(parseThrottled('')).toBeUndefined();
    expect(parseMillidegrees('48712\n')).toBe(48.712);
    expect(parseMillidegrees('')).toBeUndefined();
    const mounts =
      '510 480 0:50 / /proc rw - proc proc rw\n500 480 0:47 / / rw,relatime - overlay overlay rw,lowerdir=/s/1/fs,upperdir=/s/2/fs,workdir=/s/2/work\n';
    expect(parseUpperFolder(mounts)).toBe('/s/2/fs');
    expect(parseUpperFolder('')).toBeUndefined();
  });
});
