/**
 * Pods a second that the scheduler places, in one process with the API in memory: from the creation of the first to the binding
 * of the last. Beside it, on the same cluster, what decisions cost that keep nothing: every node summed up anew for every Pod, and
 * all nodes looked at. Nodes and Pods are those of upstream's `scheduler_perf`, whose floors at 5,000 nodes are 680 Pods a second
 * (10,000 plain Pods) and 570 (preemption).
 */
import { nodes } from '#proto/api/core/nodes.ts';
import { pods } from '#proto/api/core/pods.ts';
import { systemClock } from '#proto/meta/clock.ts';
import { createLogger } from '#proto/meta/log.ts';
import type { Node, Pod, PodSpec } from '#proto/schema/generated/core-v1.ts';
import { RecordedEvents } from '#server/client/events.ts';
import { InformerFactory } from '#server/client/informer-factory.ts';
import { MemoryClient } from '#server/client/memory-client.ts';
import { FILTERS } from '#server/scheduler/filter/index.ts';
import { aCluster } from '#server/scheduler/fixtures.ts';
import { nodeInfoOf } from '#server/scheduler/node-info.plan.ts';
import { podInfoOf } from '#server/scheduler/pod-info.plan.ts';
import { preempt } from '#server/scheduler/preempt.plan.ts';
import { schedule } from '#server/scheduler/schedule.plan.ts';
import { Scheduler } from '#server/scheduler/scheduler.ts';
import { SCORES } from '#server/scheduler/score/index.ts';
import type { Progress } from './progress.ts';

const log = createLogger('error');
const clock = systemClock;
/** Nodes, and Pods of each scenario there. */
const SIZES = [
  { nodes: 100, pods: 1_000 },
  { nodes: 1_000, pods: 5_000 },
  { nodes: 5_000, pods: 10_000 },
] as const;
const FLOORS: Readonly<Record<string, number>> = { 'plain 5000': 680, 'preemption 5000': 570 };
/** Decisions of the naive scan to take the time of: one is slow enough. */
const NAIVE = 20;

type Scenario = 'plain' | 'spread' | 'anti-affinity' | 'preemption';

const node = (i: number): Node => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: {
    name: `node-${i}`,
    labels: { 'kubernetes.io/hostname': `node-${i}`, 'topology.kubernetes.io/zone': `zone-${i % 3}` },
  },
  spec: {},
  status: { allocatable: { cpu: '4', memory: '32Gi', pods: '110' } },
});

const pod = (name: string, cpu: string, spec: Partial<PodSpec> = {}, labels = {}): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'default', labels },
  spec: {
    containers: [{ name: 'pause', image: 'pause:3.10.2', resources: { requests: { cpu, memory: '500Mi' } } }],
    ...spec,
  },
});

const COLOR = { color: 'green' };
const labelSelector = { matchLabels: COLOR };

function measured(scenario: Scenario, i: number): Pod {
  switch (scenario) {
    case 'plain':
      return pod(`plain-${i}`, '100m');
    case 'spread': {
      const rule = { maxSkew: 5, whenUnsatisfiable: 'DoNotSchedule', labelSelector };
      const topologySpreadConstraints = [{ ...rule, topologyKey: 'topology.kubernetes.io/zone' }];
      return pod(`spread-${i}`, '100m', { topologySpreadConstraints }, COLOR);
    }
    case 'anti-affinity': {
      const term = { labelSelector, topologyKey: 'kubernetes.io/hostname' };
      const podAntiAffinity = { requiredDuringSchedulingIgnoredDuringExecution: [term] };
      return pod(`distant-${i}`, '100m', { affinity: { podAntiAffinity } }, COLOR);
    }
    case 'preemption':
      return pod(`important-${i}`, '3', { priority: 10 });
  }
}

/** One Pod of distance a node at most; one preemptor a node, which sends three of four away. */
const countOf = (scenario: Scenario, size: (typeof SIZES)[number]): number =>
  scenario === 'plain' || scenario === 'spread' ? size.pods : Math.min(size.nodes, size.pods);

/** Four Pods of low priority on each node, bound before anybody looks. */
const lowPods = (count: number): Pod[] =>
  Array.from({ length: 4 * count }, (_, i) => {
    const nodeName = `node-${i % count}`;
    return pod(`low-${i}`, '900m', { nodeName, terminationGracePeriodSeconds: 0 });
  });

/** As agents do, once their containers have ended. */
async function letGo(client: MemoryClient, signal: AbortSignal): Promise<void> {
  const revision = (await client.list(pods, { namespace: 'none' })).metadata.resourceVersion ?? '0';
  for await (const { type, object } of client.watch(pods, { resourceVersion: revision, signal })) {
    const { metadata } = object as Pod;
    if (type === 'MODIFIED' && metadata.deletionTimestamp)
      await client.delete(
        pods,
        { namespace: 'default', name: metadata.name ?? '' },
        { gracePeriodSeconds: 0 },
      );
  }
}

/** By the clock, and by the CPU time that this process had: others may use the machine too. */
interface Rate {
  readonly podsPerSecond: number;
  readonly podsPerCpuSecond: number;
}

async function placeAll(scenario: Scenario, size: (typeof SIZES)[number]): Promise<Rate> {
  const client = new MemoryClient(() => clock.now());
  const stop = new AbortController();
  for (let i = 0; i < size.nodes; i++) await client.create(nodes, node(i));
  if (scenario === 'preemption') {
    for (const low of lowPods(size.nodes)) await client.create(pods, low);
    void letGo(client, stop.signal);
  }
  const informers = new InformerFactory({ client, clock, log });
  informers.start(stop.signal);
  const options = { client, informers, events: new RecordedEvents(), clock, random: Math.random, log };
  await new Scheduler({ ...options, schedulerName: 'default-scheduler' }).start(stop.signal);
  const count = countOf(scenario, size);
  const names = new Set<string>();
  const done = new Promise<void>((resolve) => {
    informers.for(pods).onChange((_type, { metadata, spec }) => {
      if (!spec.nodeName || metadata.name?.startsWith('low-')) return;
      names.add(metadata.name ?? '');
      if (names.size === count) resolve();
    });
  });
  const cpu = process.cpuUsage();
  const since = performance.now();
  for (let i = 0; i < count; i++) await client.create(pods, measured(scenario, i));
  await done;
  const seconds = (performance.now() - since) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  stop.abort();
  return {
    podsPerSecond: Math.round(count / seconds),
    podsPerCpuSecond: Math.round(count / ((user + system) / 1e6)),
  };
}

/** Decisions alone, nothing kept from one to the next. */
function naivePerSecond(scenario: Scenario, size: (typeof SIZES)[number]): number {
  const all = Array.from({ length: size.nodes }, (_, i) => node(i));
  const placed = new Map<string, Pod[]>(all.map(({ metadata }) => [metadata.name ?? '', []]));
  const put = (one: Pod, name: string): void => void placed.get(name)?.push(one);
  if (scenario === 'preemption') for (const low of lowPods(size.nodes)) put(low, low.spec.nodeName ?? '');
  const since = performance.now();
  for (let i = 0; i < NAIVE; i++) {
    const one = measured(scenario, i);
    const infos = all.map((n) => nodeInfoOf(n, (placed.get(n.metadata.name ?? '') ?? []).map(podInfoOf)));
    const cluster = aCluster(infos);
    const input = { pod: podInfoOf(one), cluster, filters: FILTERS, random: Math.random };
    const decision = schedule({ ...input, scores: SCORES, everything: true });
    if (decision.type === 'bind') put(one, decision.nodeName);
    else preempt({ ...input, resolvable: decision.resolvable, leaving: new Set() });
  }
  return Math.round((NAIVE / ((performance.now() - since) / 1000)) * 10) / 10;
}

export async function benchScheduler(progress: Progress) {
  const results = [];
  for (const size of SIZES)
    for (const scenario of ['plain', 'spread', 'anti-affinity', 'preemption'] as const) {
      progress(`${scenario}, ${size.nodes} nodes`);
      const naive = naivePerSecond(scenario, size);
      const rate = await placeAll(scenario, size);
      const floor = FLOORS[`${scenario} ${size.nodes}`];
      results.push({
        ...{ scenario, nodes: size.nodes, pods: countOf(scenario, size) },
        ...rate,
        naiveDecisionsPerSecond: naive,
        ...(floor === undefined
          ? {}
          : { floor, met: rate.podsPerSecond > floor, metInCpuTime: rate.podsPerCpuSecond > floor }),
      });
    }
  return results;
}
