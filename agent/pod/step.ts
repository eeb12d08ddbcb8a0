import type { Role } from './history.plan.ts';

/** What one pass wants done, as data; `execute.ts` has an entry for each. */
export type Step =
  | { readonly type: 'ensureCgroup' }
  | { readonly type: 'prepareVolumes' }
  | { readonly type: 'runSandbox'; readonly attempt: number }
  | { readonly type: 'stopSandbox'; readonly id: string }
  | { readonly type: 'removeSandbox'; readonly id: string }
  /** Makes the image of this container's next run present, in the background. */
  | { readonly type: 'pullImage'; readonly container: string }
  | {
      readonly type: 'startContainer';
      readonly container: string;
      readonly role: Role;
      readonly attempt: number;
      readonly sandboxId: string;
      readonly imageRef: string;
      /** Written on the container: what the run after this one has to wait. */
      readonly backoffSeconds: number;
    }
  /** preStop hook, SIGTERM, SIGKILL after the grace: in the background, all within `graceSeconds`. */
  | {
      readonly type: 'stopContainer';
      readonly id: string;
      readonly container: string;
      readonly graceSeconds: number;
      readonly message: string;
    }
  /** Gives a running container the resources of its spec. */
  | { readonly type: 'resizeContainer'; readonly id: string; readonly container: string }
  | {
      readonly type: 'removeContainer';
      readonly id: string;
      readonly container: string;
      readonly attempt: number;
    }
  /** Volumes and cgroup of a pod in which nothing runs any more. */
  | { readonly type: 'cleanUp' }
  /** Tells the API that the last of a deleted pod is gone. */
  | { readonly type: 'deletePod' }
  /** Removes what is left of a pod on the board's disk: its last step. */
  | { readonly type: 'forget' };

export type StepOf<T extends Step['type']> = Extract<Step, { type: T }>;

export interface Decision {
  readonly steps: readonly Step[];
  /** Look again at this time, even if nothing happens before. */
  readonly wakeAtMs: number | undefined;
}
