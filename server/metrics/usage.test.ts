import { describe, expect, it } from 'vitest';
import type { ContainerUsage, Usage } from '#proto/agent/generated/link.ts';
import { nodes } from '#proto/api/core/nodes.ts';
import { pods } from '#proto/api/core/pods.ts';
import { FakeClock } from '#proto/meta/clock.ts';
import type { Node, Pod } from '#proto/schema/generated/core-v1.ts';
import type { ObjectReader } from '#server/apiserver/authn/object-reader.ts';
import { metricsKinds } from '#server/metrics/metrics-kinds.ts';
import { windowOf } from '#server/metrics/usage.plan.ts';
import { UsageStore } from '#server/metrics/usage-store.ts';

const MI = 1024 * 1024;
const container = (id: string, cpuMs: number, over: Partial<ContainerUsage> = {}): ContainerUsage => ({
  podUid: 'u1',
  name: 'main',
  id,
  cpuNs: BigInt(cpuMs * 1e6),
  memoryBytes: BigInt(8 * MI),
  ...over,
});
const report = (uptimeS: number, cpuMs: number, containers: ContainerUsage[] = []): Usage => ({
  uptimeMs: uptimeS * 1000,
  cpuNs: BigInt(cpuMs * 1e6),
  memoryBytes: BigInt(100 * MI),
  containers,
});
const node: Node = { metadata: { name: 'board-1', labels: { zone: 'a' } }, spec: {} };
const pod: Pod = {
  metadata: { name: 'web', namespace: 'default', uid: 'u1', labels: { app: 'web' } },
  spec: { nodeName: 'board-1', containers: [] },
  status: { phase: 'Running' },
};

function start(...reports: Usage[]) {
  const clock = new FakeClock(Date.UTC(2026, 0, 1));
  const usage = new UsageStore(clock, 15_000);
  const objects = new Map<unknown, unknown[]>([
    [nodes, [node]],
    [pods, [pod]],
  ]);
  const reader = {
    get: (resource: unknown) => objects.get(resource)?.[0],
    list: (resource: unknown) => objects.get(resource) ?? [],
    follow: () => () => {},
  } as unknown as ObjectReader;
  for (const one of reports) usage.record('board-1', one);
  const [ofNodes, ofPods] = metricsKinds(reader, usage);
  return { clock, usage, nodes: () => ofNodes?.list(undefined), pods: () => ofPods?.list('default'), ofPods };
}

describe('metrics.k8s.io', () => {
  it('divides the difference of two reports by the time between them', () => {
    const { nodes, pods } = start(
      report(100, 1000, [container('c', 500)]),
      report(115, 4000, [container('c', 3500)]),
    );
    expect(nodes()).toMatchObject([
      {
        metadata: { name: 'board-1', labels: { zone: 'a' } },
        window: '15s',
        usage: { cpu: '200m', memory: '100Mi' },
      },
    ]);
    expect(pods()).toMatchObject([
      {
        metadata: { name: 'web', namespace: 'default', labels: { app: 'web' } },
        timestamp: '2026-01-01T00:00:00Z',
        containers: [{ name: 'main', usage: { cpu: '200m', memory: '8Mi' } }],
      },
    ]);
  });

  it.each<[string, Usage[]]>([
    ['one report', [report(100, 0, [container('c', 0)])]],
    ['a board that was restarted', [report(100, 9, [container('c', 9)]), report(5, 1, [container('c', 1)])]],
    [
      'a container that was restarted',
      [report(1, 0, [container('a', 0)]), report(16, 1, [container('b', 1)])],
    ],
    [
      'one container of two that is new',
      [
        report(1, 0, [container('a', 0)]),
        report(16, 1, [container('a', 1), container('b', 1, { name: 'side' })]),
      ],
    ],
    ['nothing of this pod', [report(1, 0), report(16, 1, [container('a', 1, { podUid: 'other' })])]],
  ])('has no figures of a pod from %s', (_what, reports) => {
    const { pods, ofPods } = start(...reports);
    expect(pods()).toEqual([]);
    expect(() => ofPods?.get?.('default', 'web')).toThrow(
      'podmetrics.metrics.k8s.io "default/web" not found',
    );
  });

  it('keeps the older report where two come in a row', () => {
    const { nodes } = start(report(100, 0), report(115, 1500), report(116, 1600));
    expect(nodes()).toMatchObject([{ window: '16s', usage: { cpu: '100m' } }]);
  });

  it('says nothing of a board that is silent', async () => {
    const { clock, nodes } = start(report(100, 0), report(115, 0));
    await clock.advance(75_000);
    expect(nodes()).toHaveLength(1);
    await clock.advance(1);
    expect(nodes()).toEqual([]);
  });

  it.each([
    [15_020, '15.02s'],
    [60_500, '1m0.5s'],
  ])('writes %d ms as %s', (ms, text) => {
    const at = (uptimeMs: number) => ({
      receivedAtMs: 0,
      uptimeMs,
      cpuNs: 0,
      memoryBytes: 0,
      containers: [],
    });
    expect(windowOf({ previous: at(0), last: at(ms) })).toBe(text);
  });
});
