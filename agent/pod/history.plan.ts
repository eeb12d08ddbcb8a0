import type { Container, EphemeralContainer, Pod } from '#proto/schema/generated/core-v1.ts';
import type { ContainerView, SandboxView, Snapshot } from './snapshot.ts';

/** Which list of the spec a container stands in; a sidecar is an init container with `restartPolicy: Always`. */
export type Role = 'init' | 'sidecar' | 'app' | 'ephemeral';

export interface ContainerSpec {
  readonly role: Role;
  readonly spec: Container | EphemeralContainer;
}

/** Every container of the spec, in the order in which they start. */
export function containersOf(pod: Pod): readonly ContainerSpec[] {
  return [
    ...(pod.spec.initContainers ?? []).map((spec) => ({ role: roleOfInit(spec), spec })),
    ...pod.spec.containers.map((spec) => ({ role: 'app' as const, spec })),
    ...(pod.spec.ephemeralContainers ?? []).map((spec) => ({ role: 'ephemeral' as const, spec })),
  ];
}

export function roleOfInit(container: Container): 'init' | 'sidecar' {
  return container.restartPolicy === 'Always' ? 'sidecar' : 'init';
}

/** The runs of one container, newest first, over all sandboxes of the pod. */
export function runsOf(containers: readonly ContainerView[], name: string): readonly ContainerView[] {
  return containers
    .filter((c) => c.name === name)
    .sort((a, b) => b.attempt - a.attempt || b.createdAtMs - a.createdAtMs);
}

/** The newest sandbox: the only one in which containers may start. */
export function currentSandbox(sandboxes: readonly SandboxView[]): SandboxView | undefined {
  return [...sandboxes].sort((a, b) => b.attempt - a.attempt || b.createdAtMs - a.createdAtMs)[0];
}

/** Has, or may have, a process. */
export function isLive(container: ContainerView): boolean {
  return container.state === 'running' || container.state === 'unknown';
}

/** True once a container of `spec.containers` was created in this sandbox: initialisation lies behind it. */
export function appCreated(s: Snapshot, sandbox: SandboxView): boolean {
  const names = new Set(s.pod.spec.containers.map((c) => c.name));
  return s.containers.some((c) => c.sandboxId === sandbox.id && names.has(c.name));
}

/** Whether a running container counts as started: its startup probe has passed, its postStart hook is done. */
export function isStarted(s: Snapshot, spec: Container | EphemeralContainer, run: ContainerView): boolean {
  if (run.state !== 'running' || s.postStart.get(run.id) === 'running') return false;
  if (!spec.startupProbe) return true;
  return s.probes.get(run.id)?.started ?? before(s, spec.name, run.id)?.started ?? false;
}

/** Readiness of a running container; what was last reported of the same run holds until a probe has spoken. */
export function isReady(s: Snapshot, spec: Container | EphemeralContainer, run: ContainerView): boolean {
  if (!isStarted(s, spec, run)) return false;
  if (!spec.readinessProbe) return true;
  return s.probes.get(run.id)?.ready ?? before(s, spec.name, run.id)?.ready ?? false;
}

function before(s: Snapshot, name: string, id: string) {
  const statuses = [...(s.previous?.containerStatuses ?? []), ...(s.previous?.initContainerStatuses ?? [])];
  return statuses.find((c) => c.name === name && c.containerID === `containerd://${id}`);
}

/** Whether all of `initContainers` is done in this sandbox, so that the app containers may run. */
export function isInitialized(s: Snapshot, sandbox: SandboxView | undefined): boolean {
  const init = s.pod.spec.initContainers ?? [];
  if (init.length === 0) return true;
  if (!sandbox) return false;
  if (appCreated(s, sandbox)) return true;
  return init.every((spec) => initDone(s, spec, sandbox));
}

/** One init container: exited with 0, or, for a sidecar, started. */
export function initDone(s: Snapshot, spec: Container, sandbox: SandboxView): boolean {
  const run = runsOf(s.containers, spec.name)[0];
  if (run?.sandboxId !== sandbox.id) return false;
  return roleOfInit(spec) === 'sidecar'
    ? isStarted(s, spec, run)
    : run.state === 'exited' && run.exitCode === 0;
}
