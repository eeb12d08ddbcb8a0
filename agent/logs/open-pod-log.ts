import { access } from 'node:fs/promises';
import { join } from 'node:path';
import type { DesiredState } from '#agent/link/cluster.ts';
import { POD_UID } from '#agent/pod/labels.ts';
import { type Container, type Runtime, RuntimeError } from '#agent/runtime/runtime.ts';
import type { Clock } from '#proto/meta/clock.ts';
import { badRequest } from '#proto/meta/status-error.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import { parseLogOptions } from './log-line.plan.ts';
import { readLogs } from './read-logs.ts';

/** How long a container that ran is taken to run still: a chatty log must not ask the runtime for every line. */
const RUNNING_FOR_MS = 1000;

export interface PodLogRequest {
  readonly namespace: string;
  readonly pod: string;
  readonly uid: string;
  readonly container: string;
  /** As the client sent it, validated by the API server. */
  readonly query: string;
}

export interface PodLogDeps {
  readonly runtime: Runtime;
  readonly desired: DesiredState;
  /** `/var/log/pods` */
  readonly logsDir: string;
  readonly clock: Clock;
}

/** The log that `kubectl logs` asks for; rejects with a StatusError in the words of upstream's kubelet. */
export async function openPodLog(
  deps: PodLogDeps,
  request: PodLogRequest,
  signal: AbortSignal,
): Promise<AsyncIterable<Uint8Array>> {
  const { runtime, desired, clock } = deps;
  const query = new URLSearchParams(request.query);
  const options = parseLogOptions(new Map(query), clock.now());
  const pod = desired.pods().find((p) => p.metadata.uid === request.uid);
  const name = request.container || pod?.spec.containers[0]?.name || '';
  const runs = await runsOf(runtime, request.uid, name);
  const [newest, before] = runs;
  if (query.get('previous') === 'true') {
    const run = newest && (await restarts(runtime, pod, newest)) ? newest : before;
    if (!run) throw badRequest(`previous terminated container "${name}" in pod "${request.pod}" not found`);
    return readLogs(await sourceOf(deps, request, run), options, signal);
  }
  if (!newest || newest.state === 'created') {
    if (before) return readLogs(await sourceOf(deps, request, before), options, signal);
    throw badRequest(
      `container "${name}" in pod "${request.pod}" is waiting to start: ${waitingOf(pod, name)}`,
    );
  }
  return readLogs(await sourceOf(deps, request, newest), options, signal);
}

/** The newest first. */
async function runsOf(runtime: Runtime, uid: string, name: string): Promise<readonly Container[]> {
  const { sandboxes, containers } = await runtime.list();
  const own = new Set(sandboxes.filter((s) => s.uid === uid).map(({ id }) => id));
  return containers
    .filter((c) => c.name === name && (c.labels[POD_UID] === uid || own.has(c.sandboxId)))
    .sort((a, b) => b.attempt - a.attempt || b.createdAtMs - a.createdAtMs);
}

/** One that has ended and waits for its restart is itself the previous one. */
async function restarts(runtime: Runtime, pod: Pod | undefined, run: Container): Promise<boolean> {
  if (run.state !== 'exited') return false;
  switch (pod?.spec.restartPolicy ?? 'Always') {
    case 'Never':
      return false;
    case 'OnFailure':
      return (await runtime.containerStatus(run.id)).exitCode !== 0;
    default:
      return true;
  }
}

function waitingOf(pod: Pod | undefined, name: string): string {
  const { containerStatuses = [], initContainerStatuses = [] } = pod?.status ?? {};
  const status = [...containerStatuses, ...initContainerStatuses].find((s) => s.name === name);
  return (
    status?.state?.waiting?.reason ??
    (pod?.spec.initContainers?.length ? 'PodInitializing' : 'ContainerCreating')
  );
}

async function sourceOf({ runtime, logsDir, clock }: PodLogDeps, request: PodLogRequest, run: Container) {
  const { namespace, pod, uid } = request;
  const path = join(logsDir, `${namespace}_${pod}_${uid}`, run.name, `${run.attempt}.log`);
  await access(path).catch((err: unknown) => {
    throw badRequest(`failed to read the log of container "${run.name}" in pod "${pod}": it has none`, err);
  });
  let askAtMs = 0;
  return {
    path,
    async isRunning(): Promise<boolean> {
      if (clock.now() < askAtMs) return true;
      askAtMs = clock.now() + RUNNING_FOR_MS;
      try {
        return (await runtime.containerStatus(run.id)).state === 'running';
      } catch (err) {
        // A runtime that is away says nothing about its containers.
        return err instanceof RuntimeError && err.kind !== 'not-found';
      }
    },
  };
}
