/** The pod is to run: what is missing, in the order in which it can be made. */
import type { Container, EphemeralContainer } from '#proto/schema/generated/core-v1.ts';
import {
  appCreated,
  type ContainerSpec,
  containersOf,
  currentSandbox,
  initDone,
  isLive,
  roleOfInit,
  runsOf,
} from './history.plan.ts';
import { CONTAINER_HASH } from './labels.ts';
import { planResize } from './resize.plan.ts';
import { backoffAfter, hashOf, shouldRestart } from './restart.plan.ts';
import type { ContainerView, SandboxView, Snapshot } from './snapshot.ts';
import type { Step } from './step.ts';

export interface Out {
  readonly steps: Step[];
  wakeAt(ms: number): unknown;
}

export function planRun(s: Snapshot, out: Out): void {
  const sandbox = currentSandbox(s.sandboxes);
  const deadline = s.pod.spec.activeDeadlineSeconds;
  if (deadline !== undefined) out.wakeAt(s.startTimeMs + (s.skippedMs ?? 0) + deadline * 1000);
  if (!sandbox?.ready) {
    planSandbox(s, sandbox, out);
    return;
  }
  retireOld(s, sandbox, out);
  collectGarbage(s, sandbox, out);
  if (!volumesReady(s, out)) return;
  if (!planInit(s, sandbox, out)) return;
  for (const container of containersOf(s.pod)) {
    if (container.role === 'app') planContainer(s, container, sandbox, out);
    if (container.role === 'ephemeral' && runsOf(s.containers, container.spec.name).length === 0) {
      start(s, container, sandbox, undefined, out);
    }
  }
}

/** No live sandbox: whatever still runs in a dead one goes first, then its address, then a new one comes. */
function planSandbox(s: Snapshot, last: SandboxView | undefined, out: Out): void {
  const live = s.containers.filter(isLive);
  for (const run of live) {
    stop(s, run, graceOf(s), 'Pod sandbox changed, it will be killed and re-created.', out);
  }
  if (live.length > 0) return;
  for (const old of s.sandboxes) {
    if (!s.stopped.has(old.id)) out.steps.push({ type: 'stopSandbox', id: old.id });
  }
  if (!volumesReady(s, out)) return;
  if (s.sandboxProblem && s.sandboxProblem.retryAtMs > s.now) {
    out.wakeAt(s.sandboxProblem.retryAtMs);
    return;
  }
  out.steps.push({ type: 'ensureCgroup' }, { type: 'runSandbox', attempt: last ? last.attempt + 1 : 0 });
}

function volumesReady(s: Snapshot, out: Out): boolean {
  switch (s.volumes.state) {
    case 'ready':
      return true;
    case 'stale':
      out.steps.push({ type: 'prepareVolumes' });
      return true;
    case 'failed':
      if (s.volumes.problem.retryAtMs > s.now) {
        out.wakeAt(s.volumes.problem.retryAtMs);
        return false;
      }
      break;
    case 'pending':
      break;
  }
  out.steps.push({ type: 'prepareVolumes' });
  return false;
}

/** Older sandboxes: nothing may run in them, their address goes back. */
function retireOld(s: Snapshot, current: SandboxView, out: Out): void {
  for (const old of s.sandboxes) {
    if (old.id === current.id || s.stopped.has(old.id)) continue;
    const live = s.containers.filter((c) => c.sandboxId === old.id && isLive(c));
    for (const run of live) stop(s, run, graceOf(s), `Stopping container ${run.name}`, out);
    if (live.length === 0) out.steps.push({ type: 'stopSandbox', id: old.id });
  }
}

/** Keeps the newest run of each container and the one before it, for `lastState` and `logs --previous`. */
function collectGarbage(s: Snapshot, current: SandboxView, out: Out): void {
  const removed = new Set<string>();
  for (const name of new Set(s.containers.map((c) => c.name))) {
    const [newest, ...older] = runsOf(s.containers, name);
    // Created and never started: the agent was cut off in between. It is made anew under the same number.
    const halfMade = newest?.state === 'created' && !s.stopping.has(newest.id) ? [newest] : [];
    const dead = older.filter((c) => !isLive(c)).slice(halfMade.length > 0 ? 2 : 1);
    for (const run of [...halfMade, ...dead]) {
      removed.add(run.id);
      out.steps.push({ type: 'removeContainer', id: run.id, container: name, attempt: run.attempt });
    }
  }
  for (const old of s.sandboxes) {
    const empty = !s.containers.some((c) => c.sandboxId === old.id && !removed.has(c.id));
    if (old.id !== current.id && s.stopped.has(old.id) && empty) {
      out.steps.push({ type: 'removeSandbox', id: old.id });
    }
  }
}

/** One at a time, in order; a sidecar only has to have started, and is restarted for as long as the pod runs. */
function planInit(s: Snapshot, sandbox: SandboxView, out: Out): boolean {
  const behind = appCreated(s, sandbox);
  for (const spec of s.pod.spec.initContainers ?? []) {
    const role = roleOfInit(spec);
    if (role === 'sidecar') planContainer(s, { role, spec }, sandbox, out);
    if (behind || initDone(s, spec, sandbox)) continue;
    if (role === 'init') planContainer(s, { role, spec }, sandbox, out);
    return false;
  }
  return true;
}

function planContainer(s: Snapshot, container: ContainerSpec, sandbox: SandboxView, out: Out): void {
  const { spec } = container;
  const run = runsOf(s.containers, spec.name)[0];
  if (!run || run.state === 'created') {
    start(s, container, sandbox, runsOf(s.containers, spec.name)[1], out);
    return;
  }
  if (isLive(run)) {
    // In an older sandbox: `retireOld` has it in hand.
    if (run.sandboxId === sandbox.id) replaceIfNeeded(s, spec, run, out);
    return;
  }
  const rerun = container.role === 'init' && run.sandboxId !== sandbox.id;
  if (!rerun && !shouldRestart(s.pod, container, run)) return;
  const backoff = backoffAfter(run, sandbox, s.now);
  if (backoff.untilMs > s.now) {
    out.wakeAt(backoff.untilMs);
    return;
  }
  start(s, container, sandbox, run, out);
}

function replaceIfNeeded(
  s: Snapshot,
  spec: Container | EphemeralContainer,
  run: ContainerView,
  out: Out,
): void {
  const hook = s.postStart.get(run.id);
  const hash = run.annotations[CONTAINER_HASH];
  const probe = s.probes.get(run.id)?.kill;
  if (run.state === 'unknown') {
    stop(
      s,
      run,
      graceOf(s),
      `Container ${spec.name} is in unknown state, try killing it before restart`,
      out,
    );
  } else if (hash !== undefined && hash !== hashOf(spec)) {
    stop(s, run, graceOf(s), `Container ${spec.name} definition changed, will be restarted`, out);
  } else if (typeof hook === 'object') {
    stop(s, run, graceOf(s), 'FailedPostStartHook', out);
  } else if (probe) {
    stop(s, run, probe.graceSeconds ?? graceOf(s), probe.message, out);
  } else if (run.state === 'running') {
    const resize = planResize(s, spec, run);
    if (resize.type === 'restart') {
      stop(s, run, graceOf(s), `Container ${spec.name} resize requires restart`, out);
    }
    if (resize.type === 'update') {
      out.steps.push({ type: 'resizeContainer', id: run.id, container: spec.name });
    }
    if (resize.type === 'wait') out.wakeAt(resize.untilMs);
  }
}

function start(
  s: Snapshot,
  { role, spec }: ContainerSpec,
  sandbox: SandboxView,
  last: ContainerView | undefined,
  out: Out,
): void {
  const problem = s.problems.get(spec.name);
  if (problem && problem.retryAtMs > s.now) {
    out.wakeAt(problem.retryAtMs);
    return;
  }
  const image = s.images.get(spec.name) ?? { state: 'unknown' };
  switch (image.state) {
    case 'pulling':
      return;
    case 'failed':
      if (image.problem.retryAtMs > s.now) {
        out.wakeAt(image.problem.retryAtMs);
        return;
      }
      out.steps.push({ type: 'pullImage', container: spec.name });
      return;
    case 'unknown':
      out.steps.push({ type: 'pullImage', container: spec.name });
      return;
    case 'ready':
      out.steps.push({
        type: 'startContainer',
        container: spec.name,
        role,
        attempt: last ? last.attempt + 1 : reportedRestarts(s, spec.name),
        sandboxId: sandbox.id,
        imageRef: image.ref,
        backoffSeconds: backoffAfter(last, sandbox, s.now).nextSeconds,
      });
  }
}

/** A runtime that has lost everything (a new card) counts on from what was last reported. */
function reportedRestarts(s: Snapshot, name: string): number {
  const statuses = [...(s.previous?.containerStatuses ?? []), ...(s.previous?.initContainerStatuses ?? [])];
  const known = statuses.find((c) => c.name === name);
  return known?.containerID ? known.restartCount + 1 : 0;
}

/** Asks for a stop once, and again only when the grace has become shorter since. */
export function stop(s: Snapshot, run: ContainerView, graceSeconds: number, message: string, out: Out): void {
  const byMs = s.stopping.get(run.id);
  if (byMs !== undefined && s.now + graceSeconds * 1000 >= byMs - 500) return;
  out.steps.push({ type: 'stopContainer', id: run.id, container: run.name, graceSeconds, message });
}

export const graceOf = (s: Snapshot): number => s.pod.spec.terminationGracePeriodSeconds ?? 30;
