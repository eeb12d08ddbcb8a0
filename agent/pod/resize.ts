import { RuntimeError } from '#agent/runtime/runtime.ts';
import { quantityValue } from '#proto/meta/quantity.ts';
import { type Hands, RETRY_MS } from './hands.ts';
import { containersOf } from './history.plan.ts';
import { RESOURCES } from './labels.ts';
import { kernelResources } from './qos.plan.ts';
import { planResizeFit, resourcesText } from './resize.plan.ts';
import type { ResizeFailure } from './snapshot.ts';
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
  const fail = (reason: ResizeFailure['reason'], message: string): void => {
    const before = memory.resized.get(run.id)?.failed;
    const failed = { wanted, retryAtMs: context.clock.now() + RETRY_MS, reason, message };
    memory.resized.set(run.id, { given, failed });
    if (before?.wanted === wanted && before.reason === reason) return;
    const text = `Pod resize ${reason === 'Error' ? 'error' : reason}: ${message}`;
    event('Warning', `Resize${reason}`, text, step.container);
  };
  const lack = planResizeFit(pod, context.othersThan(pod), context.allocatable());
  if (lack) return fail(lack.reason, lack.message);
  const limitBytes = quantityValue(spec.resources?.limits?.['memory'] ?? '0');
  const usedBytes = limitBytes > 0 ? await context.cgroups.containerUsage(pod, run.id) : undefined;
  if (usedBytes && usedBytes.workingSetBytes > limitBytes) {
    // The kernel would kill what is there, or refuse, by the version of its cgroups.
    const amounts = `(${limitBytes}) below current usage (${usedBytes.workingSetBytes})`;
    return fail('Error', `attempting to set container "${step.container}" memory limit ${amounts}`);
  }
  try {
    // The kernel holds a container to its pod: a pod grows before its containers and shrinks after them.
    await context.cgroups.ensure(pod).catch(() => undefined);
    await context.runtime.updateResources(run.id, kernelResources(pod, spec, context.memoryCapacityBytes));
    await context.cgroups.ensure(pod);
  } catch (err) {
    if (err instanceof RuntimeError && err.kind === 'unavailable') throw err;
    return fail('Error', err instanceof Error ? err.message : String(err));
  }
  memory.resized.set(run.id, { given: wanted });
  event('Normal', 'ResizeCompleted', `Pod resize completed: ${wanted}`, step.container);
}
