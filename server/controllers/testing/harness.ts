import { setImmediate as turn } from 'node:timers/promises';
import { pods } from '#proto/api/core/pods.ts';
import { FakeClock } from '#proto/meta/clock.ts';
import { silent } from '#proto/meta/log.ts';
import { timestamp } from '#proto/meta/timestamp.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import { RecordedEvents } from '#server/client/events.ts';
import { InformerFactory } from '#server/client/informer-factory.ts';
import { MemoryClient } from '#server/client/memory-client.ts';
import type { Controller, ControllerContext } from '#server/controllers/context.ts';

/** Controllers on an API in memory, with a clock that the test moves. */
export interface Harness {
  readonly client: MemoryClient;
  readonly clock: FakeClock;
  readonly events: RecordedEvents;
  readonly context: ControllerContext;
  /** Lets everything that is ready run, without moving the clock. */
  settle(): Promise<void>;
  stop(): void;
}

export async function startHarness(
  create: readonly ((context: ControllerContext) => Controller)[],
  rng: () => number = () => 0.5,
  makeClient: (now: () => number) => MemoryClient = (now) => new MemoryClient(now),
): Promise<Harness> {
  const clock = new FakeClock();
  const client = makeClient(() => clock.now());
  const events = new RecordedEvents();
  const stop = new AbortController();
  const informers = new InformerFactory({ client, clock, log: silent, rng });
  const context: ControllerContext = {
    client,
    informers,
    clock,
    log: silent,
    rng,
    recorderFor: () => events,
  };
  const controllers = create.map((one) => one(context));
  informers.start(stop.signal);
  await informers.whenSynced();
  for (const controller of controllers) controller.start(stop.signal);
  const settle = async (): Promise<void> => {
    // Quiet: a while without any call to the API.
    for (let quiet = 0; quiet < 10; ) {
      const calls = client.calls.length;
      await turn();
      quiet = client.calls.length === calls ? quiet + 1 : 0;
    }
  };
  return { client, clock, events, context, settle, stop: () => stop.abort() };
}

/** What a node's agent would do with a pod: run it and report it ready (or not). */
export async function reportPod(harness: Harness, pod: Pod, ready: boolean): Promise<void> {
  const { namespace, name = '' } = pod.metadata;
  const lastTransitionTime = timestamp(harness.clock.now());
  await harness.client.patch(
    pods,
    { namespace, name },
    'merge',
    {
      status: {
        phase: 'Running',
        conditions: [{ type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime }],
      },
    },
    { subresource: 'status' },
  );
}
