/**
 * Restart policy and crash back-off. The first restart is immediate, the next wait 10 s, 20 s, … up to 5 min
 * from the end of the last run; a run of more than 10 min starts anew. The wait is written on the container when it is
 * created, so that a restarted agent waits on.
 */
import type { Container, EphemeralContainer, Pod } from '#proto/schema/generated/core-v1.ts';
import type { ContainerSpec } from './history.plan.ts';
import { BACKOFF_SECONDS } from './labels.ts';
import type { ContainerView, SandboxView } from './snapshot.ts';

export const FIRST_BACKOFF_SECONDS = 10;
export const MAX_BACKOFF_SECONDS = 300;
const RESET_AFTER_MS = 2 * MAX_BACKOFF_SECONDS * 1000;

/** Whether a container that has exited is to run again, by its own rules or the pod's policy. */
export function shouldRestart(pod: Pod, { role, spec }: ContainerSpec, run: ContainerView): boolean {
  if (role === 'sidecar') return true;
  if (role === 'ephemeral') return false;
  const rule = matchingRule(spec, run.exitCode);
  if (rule) return rule === 'Restart';
  switch (spec.restartPolicy ?? pod.spec.restartPolicy ?? 'Always') {
    case 'Never':
      return false;
    case 'OnFailure':
      return run.exitCode !== 0;
    default:
      return role === 'app' || run.exitCode !== 0;
  }
}

function matchingRule(spec: Container | EphemeralContainer, exitCode: number): string | undefined {
  return (spec.restartPolicyRules ?? []).find(({ exitCodes }) => {
    if (!exitCodes) return false;
    const listed = (exitCodes.values ?? []).includes(exitCode);
    return exitCodes.operator === 'NotIn' ? !listed : listed;
  })?.action;
}

export interface Backoff {
  /** When the next run may start. */
  readonly untilMs: number;
  /** What is being waited, for the message. */
  readonly seconds: number;
  /** What the run after the next one will have to wait. */
  readonly nextSeconds: number;
}

/**
 * The back-off before the run that follows `run`; none when its sandbox died under it. A run that ended in the future did so by
 * a clock that has been set back since: it ended now.
 */
export function backoffAfter(
  run: ContainerView | undefined,
  sandbox: SandboxView | undefined,
  now: number,
): Backoff {
  if (run?.state !== 'exited') return { untilMs: 0, seconds: 0, nextSeconds: 0 };
  const waited = Number(run.annotations[BACKOFF_SECONDS] ?? 0) || 0;
  const endMs = run.finishedAtMs ?? run.createdAtMs;
  const ranMs = endMs - (run.startedAtMs ?? endMs);
  if (sandbox && run.sandboxId !== sandbox.id) return { untilMs: 0, seconds: 0, nextSeconds: waited };
  if (waited === 0 || ranMs > RESET_AFTER_MS) {
    return { untilMs: 0, seconds: 0, nextSeconds: FIRST_BACKOFF_SECONDS };
  }
  return {
    untilMs: Math.min(endMs, now) + waited * 1000,
    seconds: waited,
    nextSeconds: Math.min(waited * 2, MAX_BACKOFF_SECONDS),
  };
}

/** Changes when a container has to be replaced to follow its spec: today, with its image. */
export function hashOf(spec: Container | EphemeralContainer): string {
  let hash = 0x811c9dc5;
  for (const char of `${spec.name}\n${spec.image ?? ''}`) {
    hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  }
  return hash.toString(16);
}
