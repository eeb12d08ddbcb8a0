/**
 * In-place resize: what a running container was given, what its spec asks for now, and how it comes from the one to the
 * other. What was given is written on the container when it is made; what was changed since is remembered for as long
 * as the agent runs, and changed once more after that, which moves nothing.
 */
import type { Container, EphemeralContainer, ResourceRequirements } from '#proto/schema/generated/core-v1.ts';
import { RESOURCES } from './labels.ts';
import type { ContainerView, Snapshot } from './snapshot.ts';

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
