import { setImmediate as turn } from 'node:timers/promises';
import { pods } from '#proto/api/core/pods.ts';
import { internalError } from '#proto/meta/status-error.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import type { RecordedCall } from '#server/client/memory-client.ts';
import { isPodActive, isPodReady } from '#server/controllers/pod-state.ts';
import type { Harness } from '#server/controllers/testing/harness.ts';
import { reportPod } from '#server/controllers/testing/harness.ts';

const keyFor = ({ metadata }: Pod) => ({ namespace: metadata.namespace, name: metadata.name ?? '' });

/**
 * One thing that a scheduler and the nodes' agents would do next, for one random Pod after a random number of
 * turns: bind it, report it ready, or end it after its deletion. False: nothing is left to do.
 */
export async function nodeStep(harness: Harness, rng: () => number): Promise<boolean> {
  const { client } = harness;
  for (let i = Math.floor(rng() * 6); i > 0; i -= 1) await turn();
  const waiting = (await client.list(pods)).items.filter((pod) => !isPodActive(pod) || !isPodReady(pod));
  const pod = waiting[Math.floor(rng() * waiting.length)];
  if (!pod) return false;
  if (pod.metadata.deletionTimestamp) await client.delete(pods, keyFor(pod), { gracePeriodSeconds: 0 });
  else if (!isPodActive(pod)) return waiting.length > 1;
  else if (!pod.spec.nodeName) {
    const target = { kind: 'Node', name: targetOf(pod) ?? 'board-1' };
    await client.post(pods, keyFor(pod), 'binding', { metadata: {}, target });
  } else await reportPod(harness, pod, true);
  return true;
}

/** The node that a Pod of a DaemonSet asks for. */
export const targetOf = (pod: Pod): string | undefined =>
  pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms[0]
    ?.matchFields?.[0]?.values?.[0];

/** For `client.onCall`: one in five of the writes that only controllers do fails. */
export function failSometimes(rng: () => number): (call: RecordedCall) => void {
  return ({ verb, resource, subresource }) => {
    const controllersOwn =
      subresource === 'status' ? verb === 'update' : verb === 'create' && resource !== 'nodes';
    if (controllersOwn && rng() < 0.2) throw internalError('no luck');
  };
}

/** Until nothing moves; `check` sees every state between. */
export async function converge(
  harness: Harness,
  rng: () => number,
  check: () => Promise<void> = async () => {},
): Promise<void> {
  for (let quiet = 0, steps = 0; quiet < 3; steps += 1) {
    if (steps > 1000) throw new Error('does not converge');
    await check();
    if (await nodeStep(harness, rng)) quiet = 0;
    else {
      await harness.settle();
      await harness.clock.advance(1000);
      quiet += 1;
    }
  }
}

/** Fails where the controllers still write after everything has converged. */
export async function expectQuiet(harness: Harness, wake: () => Promise<unknown>): Promise<void> {
  await harness.settle();
  await wake();
  const before = harness.client.calls.length;
  await harness.settle();
  await harness.clock.advance(60_000);
  await harness.settle();
  const writes = harness.client.calls
    .slice(before)
    .filter(({ verb }) => !['get', 'list', 'watch'].includes(verb));
  if (writes.length > 0) throw new Error(`still writing: ${JSON.stringify(writes)}`);
}
