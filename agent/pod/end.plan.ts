/** The pod is to end: stop, give back, and, where nobody wants it any more, remove. */
import { isLive } from './history.plan.ts';
import { graceOf, type Out, stop } from './run.plan.ts';
import type { Snapshot } from './snapshot.ts';

/** The shortest time that a container gets between SIGTERM and SIGKILL, even when the user forces. */
const LEAST_GRACE_SECONDS = 1;

export function planEnd(s: Snapshot, why: 'deleted' | 'forgotten' | 'finished' | 'failed', out: Out): void {
  const live = s.containers.filter(isLive);
  if (live.length > 0) {
    stopAll(s, out);
    return;
  }
  const open = s.sandboxes.filter((sandbox) => !s.stopped.has(sandbox.id));
  if (open.length > 0) {
    for (const { id } of open) out.steps.push({ type: 'stopSandbox', id });
    return;
  }
  if (!s.cleaned) {
    out.steps.push({ type: 'cleanUp' });
    return;
  }
  if (why === 'deleted' && !s.deleted) {
    if (s.deleteProblem && s.deleteProblem.retryAtMs > s.now) out.wakeAt(s.deleteProblem.retryAtMs);
    else out.steps.push({ type: 'deletePod' });
  }
  if (why === 'forgotten') {
    for (const { id, name, attempt } of s.containers) {
      out.steps.push({ type: 'removeContainer', id, container: name, attempt });
    }
    for (const { id } of s.sandboxes) out.steps.push({ type: 'removeSandbox', id });
    out.steps.push({ type: 'forget' });
  }
}

/** All at once, but sidecars last and in reverse order, so that the rest can use them to the end. */
function stopAll(s: Snapshot, out: Out): void {
  const sidecars = (s.pod.spec.initContainers ?? [])
    .filter((c) => c.restartPolicy === 'Always')
    .map((c) => c.name);
  const live = s.containers.filter(isLive);
  const first = live.filter((c) => !sidecars.includes(c.name));
  for (const run of first) stop(s, run, endGrace(s), `Stopping container ${run.name}`, out);
  if (first.length > 0) return;
  const last = [...live].sort((a, b) => sidecars.indexOf(b.name) - sidecars.indexOf(a.name))[0];
  if (last) stop(s, last, remainingGrace(s), `Stopping container ${last.name}`, out);
}

function endGrace(s: Snapshot): number {
  const { deletionTimestamp, deletionGracePeriodSeconds } = s.pod.metadata;
  const grace = deletionTimestamp ? (deletionGracePeriodSeconds ?? graceOf(s)) : graceOf(s);
  return Math.max(LEAST_GRACE_SECONDS, Math.min(grace, s.verdict?.graceSeconds ?? grace));
}

/** What the others have left of the pod's grace. */
function remainingGrace(s: Snapshot): number {
  const grace = endGrace(s);
  const deadline = Date.parse(s.pod.metadata.deletionTimestamp ?? '');
  if (Number.isNaN(deadline)) return grace;
  return Math.min(grace, Math.max(2, Math.ceil((deadline - s.now) / 1000)));
}
