/**
 * Whether a pod is to run, or to end and why. Recomputed from the snapshot on every pass, so that a restarted agent
 * comes to the same verdict from what the runtime still shows.
 */
import { containersOf, currentSandbox, isLive, runsOf } from './history.plan.ts';
import { shouldRestart } from './restart.plan.ts';
import type { Snapshot } from './snapshot.ts';
import { unsupportedFields } from './unsupported.plan.ts';

export type Lifecycle =
  | { readonly type: 'run' }
  /** The spec asks for what this board cannot do: nothing is started, and the status says which field. */
  | { readonly type: 'refused'; readonly message: string }
  | {
      readonly type: 'end';
      readonly why: 'deleted' | 'forgotten' | 'finished' | 'failed';
      /** For `status.reason` and `status.message`. */
      readonly reason?: string | undefined;
      readonly message?: string | undefined;
    };

export function lifecycleOf(s: Snapshot): Lifecycle {
  const verdict = outcome(s);
  const told = { reason: verdict?.reason, message: verdict?.message };
  if (!s.wanted) return { type: 'end', why: 'forgotten', ...told };
  if (s.pod.metadata.deletionTimestamp) return { type: 'end', why: 'deleted', ...told };
  if (verdict) return verdict;
  const unsupported = unsupportedFields(s.pod);
  if (unsupported.length > 0) return { type: 'refused', message: unsupported.join('; ') };
  return { type: 'run' };
}

type Outcome = Extract<Lifecycle, { type: 'end' }>;

function outcome(s: Snapshot): Outcome | undefined {
  const known = s.pod.status;
  if (known?.phase === 'Failed' || known?.phase === 'Succeeded') {
    return {
      type: 'end',
      why: known.phase === 'Failed' ? 'failed' : 'finished',
      reason: known.reason,
      message: known.message,
    };
  }
  if (s.verdict) return { type: 'end', why: 'failed', reason: s.verdict.reason, message: s.verdict.message };
  return deadline(s) ?? ownEnd(s);
}

function deadline(s: Snapshot): Outcome | undefined {
  const seconds = s.pod.spec.activeDeadlineSeconds;
  if (seconds === undefined) return undefined;
  const atMs = s.startTimeMs + (s.skippedMs ?? 0) + seconds * 1000;
  const finished = ownEnd(s);
  const ends = s.containers.map((c) => c.finishedAtMs ?? 0);
  if (finished && Math.max(0, ...ends) < atMs) return undefined;
  if (s.now < atMs) return undefined;
  return {
    type: 'end',
    why: 'failed',
    reason: 'DeadlineExceeded',
    message: 'Pod was active on the node longer than the specified deadline',
  };
}

/** The pod has come to its end by itself: nothing runs, and nothing of it will run again. */
function ownEnd(s: Snapshot): Outcome | undefined {
  const sandbox = currentSandbox(s.sandboxes);
  const specs = containersOf(s.pod);
  const failed: Outcome = { type: 'end', why: 'failed' };
  const apps = specs.filter((c) => c.role === 'app');
  const runs = apps.map((c) => ({ ...c, run: runsOf(s.containers, c.spec.name)[0] }));

  for (const spec of specs.filter((c) => c.role === 'init')) {
    const run = runsOf(s.containers, spec.spec.name)[0];
    if (run?.state === 'exited' && run.exitCode !== 0 && !shouldRestart(s.pod, spec, run)) return failed;
  }
  if (runs.some(({ run }) => run && isLive(run))) return undefined;
  if (runs.some(({ run, ...c }) => run?.state === 'exited' && shouldRestart(s.pod, c, run))) return undefined;
  const missing = runs.filter(({ run }) => run?.state !== 'exited');
  // Without its sandbox a pod that is never restarted has no place to start the rest in.
  const lost = s.pod.spec.restartPolicy === 'Never' && sandbox && !sandbox.ready;
  if (missing.length > 0) return missing.length < runs.length && lost ? failed : undefined;
  return runs.every(({ run }) => run?.exitCode === 0) ? { type: 'end', why: 'finished' } : failed;
}
