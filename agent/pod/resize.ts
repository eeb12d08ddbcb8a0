import { RuntimeError } from '#agent/runtime/runtime.ts';
import { compareQuantities } from '#proto/meta/quantity.ts';
import type { Container, EphemeralContainer } from '#proto/schema/generated/core-v1.ts';
import { type Hands, RETRY_MS } from './hands.ts';
import { containersOf } from './history.plan.ts';
import { RESOURCES } from './labels.ts';
import { kernelResources } from './qos.plan.ts';
import { resourcesText } from './resize.plan.ts';
import type { StepOf } from './step.ts';

/** Gives a running container the resources of its spec. What does not work is told, and tried again later. */
export async function resizeContainer(step: StepOf<'resizeContainer'>, hands: Hands): Promise<void> {
  const { context, memory, snapshot, event } = hands;
  const { pod } = snapshot;
  const spec = containersOf(pod).find((c) => c.spec.name === step.container)?.spec;
  const run = snapshot.containers.find((c) => c.id === step.id);
  if (!spec || !run) return;
  const wanted = resourcesText(spec);
  const given = memory.resized.get(run.id)?.given ?? run.annotations[RESOURCES];
  const fail = (reason: string, message: string): void => {
    event('Warning', reason, message, step.container);
    const failed = { wanted, retryAtMs: context.clock.now() + RETRY_MS };
    memory.resized.set(run.id, { given, failed });
  };
  const lacking = beyond(spec, context.allocatable());
  if (lacking) return fail('ResizeInfeasible', `Node didn't have enough capacity: ${lacking}`);
  try {
    // The kernel holds a container to its pod: a pod grows before its containers and shrinks after them.
    await context.cgroups.ensure(pod).catch(() => undefined);
    await context.runtime.updateResources(run.id, kernelResources(pod, spec, context.memoryCapacityBytes));
    await context.cgroups.ensure(pod);
  } catch (err) {
    if (err instanceof RuntimeError && err.kind === 'unavailable') throw err;
    return fail('ResizeError', `Pod resize error: ${err instanceof Error ? err.message : String(err)}`);
  }
  memory.resized.set(run.id, { given: wanted });
  event('Normal', 'ResizeCompleted', `Pod resize completed: ${wanted}`, step.container);
}

/** The first resource of which the container asks for more than the whole board has. */
function beyond(
  spec: Container | EphemeralContainer,
  allocatable: Readonly<Record<string, string>>,
): string | undefined {
  for (const name of ['cpu', 'memory']) {
    const [asked, has] = [spec.resources?.requests?.[name], allocatable[name]];
    if (asked === undefined || has === undefined) continue;
    if (compareQuantities(asked, has) > 0) return `${name}, requested: ${asked}, capacity: ${has}`;
  }
  return undefined;
}
