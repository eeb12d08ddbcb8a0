/** The status of one container, from its runs and from what keeps its next run waiting. */
import { goDuration } from '#proto/meta/duration.ts';
import { timestamp } from '#proto/meta/timestamp.ts';
import type {
  ContainerState,
  ContainerStateTerminated,
  ContainerStatus,
} from '#proto/schema/generated/core-v1.ts';
import { type ContainerSpec, currentSandbox, isReady, isStarted, runsOf } from './history.plan.ts';
import type { Lifecycle } from './lifecycle.plan.ts';
import { actualResources } from './resize.plan.ts';
import { backoffAfter, shouldRestart } from './restart.plan.ts';
import type { ContainerView, Problem, Snapshot } from './snapshot.ts';

/** `initialized`: whether the init containers are done, which decides what an app container waits for. */
export function containerStatus(
  s: Snapshot,
  lifecycle: Lifecycle,
  container: ContainerSpec,
  initialized: boolean,
): ContainerStatus {
  const { spec, role } = container;
  const [newest, older] = runsOf(s.containers, spec.name);
  const run = newest?.state === 'created' ? older : newest;
  const before = newest?.state === 'created' ? undefined : older;
  const state = stateOf(s, lifecycle, container, run, initialized);
  const last = state.waiting && run ? run : before;
  const running = run?.state === 'running';
  const resources = run ? actualResources(s, spec, run) : undefined;
  return {
    name: spec.name,
    state,
    lastState: last?.state === 'exited' ? { terminated: terminated(last) } : {},
    ready: role === 'init' ? run?.state === 'exited' && run.exitCode === 0 : !!run && isReady(s, spec, run),
    restartCount: run?.attempt ?? 0,
    image: run?.image || spec.image || '',
    imageID: run?.imageRef ?? '',
    ...(run ? { containerID: `containerd://${run.id}` } : {}),
    started: running && role !== 'init' ? isStarted(s, spec, run) : false,
    ...(running ? { resources: resources ?? {} } : {}),
    ...(resources?.requests ? { allocatedResources: resources.requests } : {}),
  };
}

function stateOf(
  s: Snapshot,
  lifecycle: Lifecycle,
  container: ContainerSpec,
  run: ContainerView | undefined,
  initialized: boolean,
): ContainerState {
  if (run?.state === 'running' || run?.state === 'unknown') {
    return { running: { startedAt: timestamp(run.startedAtMs ?? run.createdAtMs) } };
  }
  const { spec, role } = container;
  if (lifecycle.type === 'refused') {
    return { waiting: { reason: 'CreateContainerConfigError', message: lifecycle.message } };
  }
  if (run) {
    const sandbox = currentSandbox(s.sandboxes);
    const rerun = role === 'init' && sandbox?.ready && run.sandboxId !== sandbox.id && !initialized;
    if (lifecycle.type === 'end' || !(rerun || shouldRestart(s.pod, container, run))) {
      return { terminated: terminated(run) };
    }
    const backoff = backoffAfter(run, sandbox, s.now);
    if (backoff.untilMs > s.now) {
      const { name, namespace, uid } = s.pod.metadata;
      const wait = goDuration(backoff.seconds * 1000);
      const message = `back-off ${wait} restarting failed container=${spec.name} pod=${name}_${namespace}(${uid})`;
      return { waiting: { reason: 'CrashLoopBackOff', message } };
    }
    const problem = problemOf(s, spec.name);
    if (problem) return { waiting: waiting(problem) };
    return sandbox?.ready && run.sandboxId === sandbox.id
      ? { terminated: terminated(run) }
      : { waiting: { reason: initialized ? 'ContainerCreating' : 'PodInitializing' } };
  }
  const problem = problemOf(s, spec.name);
  if (problem) return { waiting: waiting(problem) };
  const hasInit = (s.pod.spec.initContainers ?? []).length > 0;
  const reason = hasInit && (!initialized || role !== 'app') ? 'PodInitializing' : 'ContainerCreating';
  return { waiting: { reason } };
}

const waiting = ({ reason, message }: Problem) => ({ reason, message });

function problemOf(s: Snapshot, name: string): Problem | undefined {
  const image = s.images.get(name);
  if (image?.state === 'failed') return image.problem;
  return (image?.state === 'pulling' ? image.last : undefined) ?? s.problems.get(name);
}

function terminated(run: ContainerView): ContainerStateTerminated {
  return {
    exitCode: run.exitCode,
    reason: reasonOf(run),
    ...(run.message ? { message: run.message } : {}),
    ...(run.startedAtMs !== undefined ? { startedAt: timestamp(run.startedAtMs) } : {}),
    ...(run.finishedAtMs !== undefined ? { finishedAt: timestamp(run.finishedAtMs) } : {}),
    containerID: `containerd://${run.id}`,
  };
}

/** The runtime marks every container of a pod that ran out of memory: only the one that was killed counts. */
function reasonOf(run: ContainerView): string {
  if (run.reason === 'OOMKilled' && run.exitCode !== 137) return run.exitCode === 0 ? 'Completed' : 'Error';
  return run.reason || (run.exitCode === 0 ? 'Completed' : 'Error');
}
