/** A scheduler on the API in memory, with a clock that moves when told. */
import { nodes } from '#proto/api/core/nodes.ts';
import { pods } from '#proto/api/core/pods.ts';
import { FakeClock } from '#proto/meta/clock.ts';
import { silent } from '#proto/meta/log.ts';
import type { Pod, PodSpec } from '#proto/schema/generated/core-v1.ts';
import { RecordedEvents } from '#server/client/events.ts';
import { InformerFactory } from '#server/client/informer-factory.ts';
import { MemoryClient, type RecordedCall } from '#server/client/memory-client.ts';
import { aContainer, aNode, aPod } from '../fixtures.ts';
import { Scheduler } from '../scheduler.ts';

export class SchedulerHarness {
  readonly clock = new FakeClock();
  readonly client = new MemoryClient(() => this.clock.now());
  readonly events = new RecordedEvents();
  readonly #stop = new AbortController();

  async start(): Promise<void> {
    const { clock, client, events } = this;
    const informers = new InformerFactory({ client, clock, log: silent, rng: () => 0 });
    informers.start(this.#stop.signal);
    const options = { client, informers, events, clock, random: () => 0, log: silent };
    await new Scheduler({ ...options, schedulerName: 'default-scheduler' }).start(this.#stop.signal);
    await this.settle();
  }

  stop(): void {
    this.#stop.abort();
  }

  /** Lets everything run that waits for no clock. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  }

  async pass(ms: number): Promise<void> {
    await this.clock.advance(ms);
    await this.settle();
  }

  /** Boards of these CPUs: `board-0`, `board-1`, … */
  async boards(...cpus: string[]): Promise<void> {
    for (const [i, cpu] of cpus.entries())
      await this.client.create(nodes, aNode(`board-${i}`, { allocatable: { cpu } }));
  }

  async create(name: string, cpu: string, spec: Partial<PodSpec> = {}, metadata = {}): Promise<void> {
    await this.client.create(pods, aPod(name, { containers: [aContainer({ cpu })], ...spec }, metadata));
    await this.settle();
  }

  pod(name: string): Promise<Pod> {
    return this.client.get(pods, { namespace: 'default', name });
  }

  async nodeOf(name: string): Promise<string | undefined> {
    return (await this.pod(name)).spec.nodeName;
  }

  async messageOf(name: string): Promise<string | undefined> {
    return (await this.pod(name)).status?.conditions?.find(({ type }) => type === 'PodScheduled')?.message;
  }

  /** By name, the node that each Pod is on; '' for none. */
  async placed(): Promise<Record<string, string>> {
    const { items } = await this.client.list(pods);
    return Object.fromEntries(items.map(({ metadata, spec }) => [metadata.name ?? '', spec.nodeName ?? '']));
  }

  /** What agents do: Pods that were sent away end. */
  async letGo(): Promise<void> {
    for (const { metadata } of (await this.client.list(pods)).items)
      if (metadata.deletionTimestamp)
        await this.client.delete(
          pods,
          { namespace: 'default', name: metadata.name ?? '' },
          { gracePeriodSeconds: 0 },
        );
    await this.settle();
  }

  async remove(name: string): Promise<void> {
    await this.client.delete(pods, { namespace: 'default', name }, { gracePeriodSeconds: 0 });
    await this.settle();
  }

  calls(verb: string, subresource?: string): readonly RecordedCall[] {
    return this.client.calls.filter((call) => call.verb === verb && call.subresource === subresource);
  }
}
