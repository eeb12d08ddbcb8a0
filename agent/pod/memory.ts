import type { PreparedVolume } from '#agent/volumes/volume.ts';
import type { HookView, ImageView, Problem, ResizeView, VolumesView } from './snapshot.ts';
import type { Verdict } from './verdict.ts';

/** What one worker remembers between two passes: nothing here has to survive it. */
export interface PodMemory {
  volumes: VolumesView;
  prepared: ReadonlyMap<string, PreparedVolume>;
  cgroupParent: string;
  readonly images: Map<string, ImageView>;
  readonly problems: Map<string, Problem>;
  sandboxProblem: Problem | undefined;
  deleteProblem: Problem | undefined;
  readonly postStart: Map<string, HookView>;
  readonly resized: Map<string, ResizeView>;
  readonly stopping: Map<string, number>;
  readonly stopped: Set<string>;
  cleaned: boolean;
  deleted: boolean;
  gone: boolean;
  verdict: Verdict | undefined;
}

export function emptyMemory(): PodMemory {
  return {
    volumes: { state: 'pending' },
    prepared: new Map(),
    cgroupParent: '',
    images: new Map(),
    problems: new Map(),
    sandboxProblem: undefined,
    deleteProblem: undefined,
    postStart: new Map(),
    resized: new Map(),
    stopping: new Map(),
    stopped: new Set(),
    cleaned: false,
    deleted: false,
    gone: false,
    verdict: undefined,
  };
}
