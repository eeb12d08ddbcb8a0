/**
 * What one pass over a pod looks at: the wish, what the runtime has, and the few things that only this process
 * knows (pulls and stops under way, probe results, the last failures). Pure data: plans read it, nothing else.
 *
 * Whatever must outlive the agent is written on the sandboxes and containers themselves (see labels.ts).
 */
import type { Pod, PodStatus } from '#proto/schema/generated/core-v1.ts';
import type { Verdict } from './verdict.ts';

export interface SandboxView {
  readonly id: string;
  readonly attempt: number;
  readonly ready: boolean;
  readonly createdAtMs: number;
  readonly annotations: Readonly<Record<string, string>>;
  /** Empty for a sandbox on the board's own network, and for one that is not ready. */
  readonly ips: readonly string[];
}

export interface ContainerView {
  readonly id: string;
  readonly sandboxId: string;
  readonly name: string;
  readonly attempt: number;
  readonly state: 'created' | 'running' | 'exited' | 'unknown';
  readonly image: string;
  readonly imageRef: string;
  readonly createdAtMs: number;
  readonly startedAtMs: number | undefined;
  readonly finishedAtMs: number | undefined;
  readonly exitCode: number;
  readonly reason: string;
  readonly message: string;
  readonly annotations: Readonly<Record<string, string>>;
}

/** Why something is not there yet, in the words of a container's `waiting` state, and when to try again. */
export interface Problem {
  readonly reason: string;
  readonly message: string;
  readonly retryAtMs: number;
}

export type ImageView =
  | { readonly state: 'unknown' }
  /** `last`: why the try before this one failed. */
  | { readonly state: 'pulling'; readonly last?: Problem | undefined }
  | { readonly state: 'ready'; readonly ref: string }
  | { readonly state: 'failed'; readonly problem: Problem };

/** Results of the probes of one running container; no entry means that it has no probes or none has run. */
export interface ProbeView {
  /** The startup probe has passed, or there is none. */
  readonly started: boolean;
  readonly ready: boolean;
  /** A failed liveness or startup probe: the container has to go. */
  readonly kill?: { readonly message: string; readonly graceSeconds: number | undefined } | undefined;
}

export type HookView = 'running' | 'done' | { readonly failed: string };

/** What a container was given since it was started, and what could not be. */
export interface ResizeView {
  readonly given: string | undefined;
  readonly failed?: ResizeFailure | undefined;
}

export interface ResizeFailure {
  readonly wanted: string;
  readonly retryAtMs: number;
  /** The board can never give it; not beside its other Pods; or it tried, and something refused. */
  readonly reason: 'Infeasible' | 'Deferred' | 'Error';
  readonly message: string;
}

export type VolumesView =
  | { readonly state: 'pending' }
  | { readonly state: 'ready' }
  /** Mounted, but what they show has changed since. */
  | { readonly state: 'stale' }
  | { readonly state: 'failed'; readonly problem: Problem };

export interface Snapshot {
  readonly pod: Pod;
  /** False: the board has its full set of pods, and this one is not among them. */
  readonly wanted: boolean;
  readonly now: number;
  readonly sandboxes: readonly SandboxView[];
  readonly containers: readonly ContainerView[];
  readonly volumes: VolumesView;
  /** By container name, for its next start. */
  readonly images: ReadonlyMap<string, ImageView>;
  /** By container name: why its last start did not come about. */
  readonly problems: ReadonlyMap<string, Problem>;
  readonly sandboxProblem: Problem | undefined;
  /** By container id. */
  readonly probes: ReadonlyMap<string, ProbeView>;
  /** By container id: postStart hooks of this process's starts. */
  readonly postStart: ReadonlyMap<string, HookView>;
  /** By container id: resizes of this process. */
  readonly resized: ReadonlyMap<string, ResizeView>;
  /** Containers being stopped, with the time at which they will have been killed. */
  readonly stopping: ReadonlyMap<string, number>;
  /** Sandboxes that were stopped for good: address given back. */
  readonly stopped: ReadonlySet<string>;
  /** Volumes and cgroup of a dead pod are gone. */
  readonly cleaned: boolean;
  /** The API was told to forget this pod; the answer may still be on its way to the desired state. */
  readonly deleted: boolean;
  readonly deleteProblem: Problem | undefined;
  /** Decided from outside of the pod: eviction, shutdown of the board. */
  readonly verdict: Verdict | undefined;
  /** When this board first saw the pod. */
  readonly startTimeMs: number;
  /** What the board's clock has skipped since then, because it was set: it does not count towards a deadline. */
  readonly skippedMs?: number;
  readonly previous: PodStatus | undefined;
  readonly hostIps: readonly string[];
}
