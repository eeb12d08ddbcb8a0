/** One entry for each step of a plan. Idempotent; what may take long goes on in the background and wakes the worker. */
import { RuntimeError } from '#agent/runtime/runtime.ts';
import { isConflict, isNotFound } from '#proto/meta/status-error.ts';
import { type Hands, identity, RETRY_MS } from './hands.ts';
import { containersOf, runsOf } from './history.plan.ts';
import { POST_START_LIMIT_MS, runHook } from './hooks.ts';
import { resizeContainer } from './resize.ts';
import { runSandbox } from './run-sandbox.ts';
import { startContainer } from './start-container.ts';
import type { Step, StepOf } from './step.ts';

const STOP_RETRY_MS = 1000;

type Executors = { readonly [T in Step['type']]: (step: StepOf<T>, hands: Hands) => Promise<void> };

const EXECUTORS: Executors = {
  ensureCgroup: async (_step, { context, memory, snapshot }) => {
    memory.cgroupParent = await context.cgroups.ensure(snapshot.pod);
  },
  prepareVolumes: (_step, hands) => prepareVolumes(hands),
  runSandbox: (step, hands) => hands.context.starts.run(() => runSandbox(step.attempt, hands)),
  stopSandbox: async ({ id }, { context, memory }) => {
    await gone(context.runtime.stopSandbox(id));
    memory.stopped.add(id);
  },
  removeSandbox: async ({ id }, { context }) => gone(context.runtime.removeSandbox(id)),
  pullImage: async (step, hands) => {
    const last = hands.memory.images.get(step.container);
    const why = last?.state === 'failed' ? last.problem : undefined;
    hands.memory.images.set(step.container, { state: 'pulling', last: why });
    void ensureImage(step.container, hands).finally(hands.nudge);
  },
  startContainer: async (step, hands) => {
    const id = await hands.context.starts.run(() => startContainer(step, hands));
    if (id !== undefined) postStart(step.container, id, hands);
  },
  stopContainer: async (step, hands) => {
    const { context, memory } = hands;
    const again = memory.stopping.has(step.id);
    memory.stopping.set(step.id, context.clock.now() + step.graceSeconds * 1000);
    if (!again) hands.event('Normal', 'Killing', step.message, step.container);
    void stopContainer(step, hands, again)
      .catch((err: unknown) => {
        context.log.warn('container not stopped', { container: step.id, err });
        return context.clock.sleep(STOP_RETRY_MS, hands.signal).catch(() => undefined);
      })
      .finally(() => {
        memory.stopping.delete(step.id);
        hands.wake();
      });
  },
  resizeContainer,
  removeContainer: async ({ id, container, attempt }, { context, snapshot }) => {
    await gone(context.runtime.removeContainer(id));
    const pod = identity(snapshot.pod);
    await context.files.removeLog(pod, container, attempt, id);
    await context.files.removeTerminationFile(pod.uid, container, attempt);
  },
  cleanUp: async (_step, { context, memory, snapshot }) => {
    const uid = snapshot.pod.metadata.uid ?? '';
    await context.volumes.cleanupVolumes(uid);
    await context.cgroups.remove(uid);
    context.devices.release(uid);
    memory.cleaned = true;
  },
  deletePod: (_step, hands) => deletePod(hands),
  forget: async (_step, { context, memory, snapshot }) => {
    const pod = identity(snapshot.pod);
    await context.files.forget(pod);
    context.images.forget(pod.uid);
    context.reporter.forget(pod.uid);
    memory.gone = true;
  },
};

/** Carries out one step. Rejects only when the runtime is away or something is broken: the worker then backs off. */
export function execute(step: Step, hands: Hands): Promise<void> {
  // Each entry takes the step of its own type; the table's type has made sure of it.
  return (EXECUTORS[step.type] as (step: Step, hands: Hands) => Promise<void>)(step, hands);
}

async function gone(work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (err) {
    if (!(err instanceof RuntimeError && err.kind === 'not-found')) throw err;
  }
}

async function prepareVolumes({ context, memory, snapshot, event, ending }: Hands): Promise<void> {
  const { pod } = snapshot;
  const facts = {
    nodeName: context.nodeName,
    hostIps: snapshot.hostIps,
    podIps: snapshot.sandboxes.find((s) => s.ready)?.ips ?? [],
    allocatable: context.allocatable(),
  };
  const before = memory.volumes;
  // What came meanwhile may have come too late for this look.
  const hasChanged = (): boolean => memory.volumes !== before;
  try {
    if (before.state === 'stale') await context.volumes.refreshVolumes(pod, facts);
    else memory.prepared = await context.volumes.prepareVolumes(pod, facts, ending);
    memory.volumes = { state: hasChanged() ? 'stale' : 'ready' };
  } catch (err) {
    if (ending.aborted) return;
    const message = err instanceof Error ? err.message : String(err);
    event('Warning', 'FailedMount', message);
    if (hasChanged()) return;
    // What is mounted stays as it was: the pod goes on with it, and the next change tries again.
    if (before.state === 'stale') memory.volumes = { state: 'ready' };
    else {
      const problem = { reason: 'ContainerCreating', message, retryAtMs: context.clock.now() + RETRY_MS };
      memory.volumes = { state: 'failed', problem };
    }
  }
}

async function ensureImage(container: string, hands: Hands): Promise<void> {
  const { context, memory, snapshot, event } = hands;
  const spec = containersOf(snapshot.pod).find((c) => c.spec.name === container)?.spec;
  if (!spec) return;
  const [last] = runsOf(snapshot.containers, container);
  try {
    const result = await context.images.ensureImage(
      snapshot.pod,
      { image: spec.image ?? '', imagePullPolicy: spec.imagePullPolicy, ranFrom: last?.imageRef },
      (type, reason, message) => event(type, reason, message, container),
    );
    if (result.ok) memory.images.set(container, { state: 'ready', ref: result.image.id });
    else {
      const { reason, message, retryAtMs } = result;
      // Asked again soon, so that the status comes to say ImagePullBackOff; then only when the wait is over.
      const soon = reason === 'ErrImagePull' ? context.clock.now() + 2000 : retryAtMs;
      memory.images.set(container, { state: 'failed', problem: { reason, message, retryAtMs: soon } });
    }
  } catch (err) {
    context.log.debug('image not looked at', { image: spec.image, err });
    const message = err instanceof Error ? err.message : String(err);
    const problem = { reason: 'ImageInspectError', message, retryAtMs: context.clock.now() + RETRY_MS };
    memory.images.set(container, { state: 'failed', problem });
  }
}

function postStart(container: string, containerId: string, hands: Hands): void {
  const { context, memory, snapshot, event, wake } = hands;
  const spec = containersOf(snapshot.pod).find((c) => c.spec.name === container)?.spec;
  const handler = spec?.lifecycle?.postStart;
  if (!spec || !handler) return;
  memory.postStart.set(containerId, 'running');
  const podIp = snapshot.sandboxes.find((s) => s.ready)?.ips[0] ?? snapshot.hostIps[0] ?? '';
  void runHook(context, handler, { spec, containerId, podIp }, POST_START_LIMIT_MS)
    .catch((err: unknown) => String(err))
    .then((failed) => {
      if (failed !== undefined) event('Warning', 'FailedPostStartHook', failed, container);
      memory.postStart.set(containerId, failed === undefined ? 'done' : { failed });
      wake();
    });
}

/** preStop, then the signal, both within the grace. A repeated stop only shortens the wait. */
async function stopContainer(step: StepOf<'stopContainer'>, hands: Hands, again: boolean): Promise<void> {
  const { context, snapshot, event } = hands;
  const spec = containersOf(snapshot.pod).find((c) => c.spec.name === step.container)?.spec;
  const handler = spec?.lifecycle?.preStop;
  const begun = context.clock.now();
  if (spec && handler && !again && step.graceSeconds > 0) {
    const podIp = snapshot.sandboxes.find((s) => s.ready)?.ips[0] ?? snapshot.hostIps[0] ?? '';
    const target = { spec, containerId: step.id, podIp };
    const limitMs = step.graceSeconds * 1000;
    const failed = await Promise.race([
      runHook(context, handler, target, limitMs),
      context.clock.sleep(limitMs, hands.signal).then(() => undefined),
    ]);
    if (failed !== undefined) event('Warning', 'FailedPreStopHook', failed, step.container);
  }
  const spentSeconds = Math.ceil((context.clock.now() - begun) / 1000);
  const left = spentSeconds === 0 ? step.graceSeconds : Math.max(2, step.graceSeconds - spentSeconds);
  await gone(context.runtime.stopContainer(step.id, left));
}

/** After its last status has arrived. The precondition keeps a successor of the same name safe. */
async function deletePod({ context, memory, snapshot }: Hands): Promise<void> {
  const { uid, namespace, name } = identity(snapshot.pod);
  const later = (message: string): void => {
    const retryAtMs = context.clock.now() + RETRY_MS;
    memory.deleteProblem = { reason: 'DeleteFailed', message, retryAtMs };
  };
  if (!context.cluster.connected || !context.reporter.isFlushed(uid)) {
    memory.deleteProblem = { reason: 'Waiting', message: '', retryAtMs: context.clock.now() + 1000 };
    return;
  }
  const body = { kind: 'DeleteOptions', apiVersion: 'v1', gracePeriodSeconds: 0, preconditions: { uid } };
  try {
    await context.cluster.api('DELETE', `/api/v1/namespaces/${namespace}/pods/${name}`, body);
    memory.deleted = true;
  } catch (err) {
    if (isNotFound(err) || isConflict(err)) memory.deleted = true;
    else later(err instanceof Error ? err.message : String(err));
  }
}
