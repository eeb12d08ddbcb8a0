import fc from 'fast-check';
import { expect, it } from 'vitest';
import { nodes } from '#proto/api/core/nodes.ts';
import { pods } from '#proto/api/core/pods.ts';
import type { Resource } from '#proto/api/resource.ts';
import { FakeClock } from '#proto/meta/clock.ts';
import { silent } from '#proto/meta/log.ts';
import type { KubeObject, ObjectKey } from '#proto/meta/object.ts';
import { internalError } from '#proto/meta/status-error.ts';
import type { Node, Pod } from '#proto/schema/generated/core-v1.ts';
import { RecordedEvents } from '#server/client/events.ts';
import { InformerFactory } from '#server/client/informer-factory.ts';
import { MemoryClient } from '#server/client/memory-client.ts';
import { FILTERS } from './filter/index.ts';
import { aContainer, aNode, aPod, reasonsOf } from './fixtures.ts';
import { nodeInfoOf } from './node-info.plan.ts';
import { isFinished, podInfoOf } from './pod-info.plan.ts';
import { Scheduler } from './scheduler.ts';

const RUNS = { seed: 20_260_103, numRuns: 300 };

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('create' as const),
      name: fc.nat(9),
      cpu: fc.constantFrom('500m', '1', '2'),
      hostPort: fc.constantFrom(0, 0, 80),
      priority: fc.nat(2),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('delete' as const), name: fc.nat(9) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('finish' as const), name: fc.nat(9) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('label' as const), name: fc.nat(9) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('node' as const),
      name: fc.nat(2),
      cpu: fc.constantFrom('2', '3'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cordon' as const), name: fc.nat(2) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('fail' as const),
      how: fc.constantFrom('before' as const, 'after' as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cut watches' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('let go' as const) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('turns' as const), count: fc.nat(3) }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(500, 5_000) }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

const turns = async (count: number): Promise<void> => {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
};

/** Its next binding fails: before it is carried out, or only the answer is lost. */
class BreakingClient extends MemoryClient {
  breaks: 'before' | 'after' | undefined;

  override async post<T extends KubeObject, B, R>(
    resource: Resource<T>,
    key: ObjectKey,
    subresource: string,
    body: B,
  ): Promise<R> {
    const { breaks } = this;
    this.breaks = undefined;
    if (breaks === 'before') throw internalError('the connection broke');
    const answer = await super.post<T, B, R>(resource, key, subresource, body);
    if (breaks === 'after') throw internalError('the connection broke');
    await turns(1);
    return answer;
  }
}

/** What the boards' agents do: Pods that were sent away end. */
async function letGo(client: MemoryClient): Promise<void> {
  for (const { metadata } of (await client.list(pods)).items)
    if (metadata.deletionTimestamp)
      await client.delete(
        pods,
        { namespace: 'default', name: metadata.name ?? '' },
        { gracePeriodSeconds: 0 },
      );
  await turns(5);
}

/** Carries out one step; what the API refuses (a name taken, or not there) is no step. */
async function apply(client: BreakingClient, clock: FakeClock, one: Step): Promise<unknown> {
  const name = 'name' in one ? `x-${one.name}` : '';
  const pod = { namespace: 'default', name };
  switch (one.kind) {
    case 'create': {
      const ports = [{ containerPort: 80, hostPort: one.hostPort }];
      const containers = [aContainer({ cpu: one.cpu }, { ports })];
      return client.create(pods, aPod(name, { containers, priority: one.priority }));
    }
    case 'delete':
      return client.delete(pods, pod, { gracePeriodSeconds: 0 });
    case 'finish':
      return client.patch(pods, pod, 'merge', { status: { phase: 'Failed' } }, { subresource: 'status' });
    case 'label':
      return client.patch(pods, pod, 'merge', { metadata: { labels: { at: String(clock.now()) } } });
    case 'node':
      return client.create(nodes, aNode(name, { allocatable: { cpu: one.cpu } }));
    case 'cordon': {
      const { spec } = await client.get(nodes, { name });
      return client.patch(nodes, { name }, 'merge', { spec: { unschedulable: !spec.unschedulable } });
    }
    case 'fail':
      client.breaks = one.how;
      return;
    case 'cut watches':
      client.endWatches();
      return client.compact();
    case 'let go':
      return letGo(client);
    case 'turns':
      return turns(one.count);
    case 'wait':
      return clock.advance(one.ms);
  }
}

/** What the API says is on the nodes. */
async function placed(client: MemoryClient) {
  const { items } = await client.list(pods);
  const on = (node: Node): Pod[] =>
    items.filter((pod) => pod.spec.nodeName === node.metadata.name && !isFinished(pod));
  return (await client.list(nodes)).items.map((node) => nodeInfoOf(node, on(node).map(podInfoOf)));
}

async function expectNothingExceeded(client: MemoryClient): Promise<void> {
  for (const { requested, allocatable, hostPorts } of await placed(client)) {
    expect(requested.cpu).toBeLessThanOrEqual(allocatable.cpu);
    expect(hostPorts.length).toBeLessThanOrEqual(1);
  }
}

/** Nothing is forgotten: who has no node after a while fits on none. */
async function expectNobodyForgotten(client: MemoryClient): Promise<void> {
  const infos = await placed(client);
  for (const pod of (await client.list(pods)).items) {
    if (pod.spec.nodeName || isFinished(pod)) continue;
    const fits = infos.filter((info) =>
      FILTERS.every((f) => reasonsOf(f, podInfoOf(pod), info).length === 0),
    );
    expect(fits.map(({ node }) => node.metadata.name)).toEqual([]);
  }
}

it('exceeds nothing and forgets nobody, whatever comes and whatever fails', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 30, maxLength: 100 }), async (steps) => {
      const clock = new FakeClock();
      const client = new BreakingClient(() => clock.now());
      const stop = new AbortController();
      const informers = new InformerFactory({ client, clock, log: silent, rng: () => 0 });
      informers.start(stop.signal);
      const events = new RecordedEvents();
      const options = { client, informers, events, clock, random: () => 0.5, log: silent };
      await new Scheduler({ ...options, schedulerName: 'default-scheduler' }).start(stop.signal);
      // A node from the start: Pods wait because it is full, more often than because there is none.
      await client.create(nodes, aNode('x-0', { allocatable: { cpu: '2' } }));
      for (const one of steps) {
        await apply(client, clock, one).catch(() => {});
        await expectNothingExceeded(client);
      }
      client.breaks = undefined;
      // What was under way ends first: a clock that jumps over it would leave its back-off in the future.
      for (let round = 0; round < 5; round++) {
        await turns(20);
        await letGo(client);
        await clock.advance(30_000);
      }
      await turns(20);
      await expectNothingExceeded(client);
      await expectNobodyForgotten(client);
      stop.abort();
    }),
    RUNS,
  );
  // A busy machine has it run for longer than the usual limit.
}, 90_000);
