/**
 * In-place resize: what a running container was given, what its spec asks for now, and how it comes from the one to the
 * other. What was given is written on the container when it is made; what was changed since is remembered for as long
 * as the agent runs, and changed once more after that, which moves nothing.
 */
import type {
  Container,
  EphemeralContainer,
  Pod,
  PodStatus,
  ResourceRequirements,
} from '#proto/schema/generated/core-v1.ts';
import { lackMessage, lackOf } from './admission.plan.ts';
import { containersOf, runsOf } from './history.plan.ts';
import { RESOURCES } from './labels.ts';
import type { ContainerView, ResizeFailure, Snapshot } from './snapshot.ts';

type Spec = Container | EphemeralContainer;

/** Limits and requests as they are written on a container: equal texts are equal resources. */
export function resourcesText(spec: Spec): string {
  const sorted = (amounts: Readonly<Record<string, string>> = {}) =>
    Object.fromEntries(Object.entries(amounts).sort(([a], [b]) => (a < b ? -1 : 1)));
  const { limits, requests } = spec.resources ?? {};
  return JSON.stringify({ limits: sorted(limits), requests: sorted(requests) });
}

const givenText = (s: Snapshot, run: ContainerView): string | undefined =>
  s.resized.get(run.id)?.given ?? run.annotations[RESOURCES];

/** What a running container really has; its spec may be ahead of it. */
export function actualResources(
  s: Snapshot,
  spec: Spec,
  run: ContainerView,
): ResourceRequirements | undefined {
  const given = givenText(s, run);
  if (given === undefined || given === resourcesText(spec)) return spec.resources;
  const { limits, requests } = JSON.parse(given) as Required<
    Pick<ResourceRequirements, 'limits' | 'requests'>
  >;
  return {
    ...spec.resources,
    limits: Object.keys(limits ?? {}).length > 0 ? limits : undefined,
    requests: Object.keys(requests ?? {}).length > 0 ? requests : undefined,
  };
}

export type Resize =
  | { readonly type: 'none' }
  | { readonly type: 'update' }
  /** The container's own `resizePolicy` wants it. */
  | { readonly type: 'restart' }
  | { readonly type: 'wait'; readonly untilMs: number };

/**
 * What a Pod's conditions say of a resize under way. Upstream's names: `PodResizePending` while the board can't grant it,
 * `PodResizeInProgress` from then until every container has it. Source: KEP-1287.
 */
export type ResizeCondition =
  | { readonly type: 'PodResizePending'; readonly reason: string; readonly message: string }
  | { readonly type: 'PodResizeInProgress'; readonly reason?: string; readonly message?: string };

export function resizeCondition(s: Snapshot): ResizeCondition | undefined {
  let inProgress: ResizeCondition | undefined;
  for (const { spec } of containersOf(s.pod)) {
    const run = runsOf(s.containers, spec.name)[0];
    if (run?.state !== 'running') continue;
    const given = givenText(s, run);
    const wanted = resourcesText(spec);
    if (given === undefined || given === wanted) continue;
    const failed = s.resized.get(run.id)?.failed;
    if (failed?.wanted !== wanted) {
      inProgress ??= { type: 'PodResizeInProgress' };
    } else if (failed.reason === 'Error') {
      inProgress = { type: 'PodResizeInProgress', reason: 'Error', message: failed.message };
    } else {
      return { type: 'PodResizePending', reason: failed.reason, message: failed.message };
    }
  }
  return inProgress;
}

/** A Pod with the requests that it was granted, where its spec asks for others that it has to wait for. */
export function asGranted(pod: Pod, status: PodStatus | undefined): Pod {
  if (!status?.conditions?.some(({ type }) => type === 'PodResizePending')) return pod;
  const grant = (container: Container): Container => {
    const statuses = [...(status.containerStatuses ?? []), ...(status.initContainerStatuses ?? [])];
    const requests = statuses.find(({ name }) => name === container.name)?.allocatedResources;
    return requests ? { ...container, resources: { ...container.resources, requests } } : container;
  };
  const { spec } = pod;
  const init = spec.initContainers && { initContainers: spec.initContainers.map(grant) };
  return { ...pod, spec: { ...spec, ...init, containers: spec.containers.map(grant) } };
}

/**
 * Whether the board can give a Pod what it asks for now: never, or not beside its `others`, which have not ended.
 * Rule: upstream's resize admission: a board that has less than the Pod alone makes it infeasible.
 */
export function planResizeFit(
  pod: Pod,
  others: readonly Pod[],
  allocatable: Readonly<Record<string, string>>,
): Pick<ResizeFailure, 'reason' | 'message'> | undefined {
  const alone = lackOf(pod, [], allocatable);
  if (alone) {
    const amounts = `${alone.name}, requested: ${alone.requested}, capacity: ${alone.capacity}`;
    return { reason: 'Infeasible', message: `Node didn't have enough capacity: ${amounts}` };
  }
  const beside = lackOf(pod, others, allocatable);
  return beside && { reason: 'Deferred', message: lackMessage(beside) };
}

/** How a running container follows its spec's resources. */
export function planResize(s: Snapshot, spec: Spec, run: ContainerView): Resize {
  const given = givenText(s, run);
  const wanted = resourcesText(spec);
  if (given === undefined || given === wanted) return { type: 'none' };
  const [before, now] = [given, wanted].map((text) => JSON.parse(text) as ResourceRequirements);
  const restarts = (spec.resizePolicy ?? []).some(
    ({ resourceName, restartPolicy }) =>
      restartPolicy === 'RestartContainer' &&
      (before?.limits?.[resourceName] !== now?.limits?.[resourceName] ||
        before?.requests?.[resourceName] !== now?.requests?.[resourceName]),
  );
  if (restarts) return { type: 'restart' };
  const failed = s.resized.get(run.id)?.failed;
  const waits = failed?.wanted === wanted && failed.retryAtMs > s.now;
  return waits ? { type: 'wait', untilMs: failed.retryAtMs } : { type: 'update' };
}
