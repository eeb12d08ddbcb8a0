/**
 * One pass over one pod: what has to be done now, as data, and when to look again.
 *
 *              ┌── refused (a field that this board cannot follow: stays Pending)
 *   observed ──┼── run:  cgroup → volumes → sandbox → init containers in order → app containers
 *              │          └ sandbox died → stop what is left → new sandbox
 *              └── end:  stop containers → stop sandbox → clean up volumes, cgroup
 *                         ├ finished, failed → stays for its logs
 *                         ├ deleted   → DELETE through the API, until the wish is gone
 *                         └ forgotten → remove containers, sandboxes, directories → done
 *
 * Guarantees: pure; a pass over a pod that is as it should be has no steps; what runs is never touched because the
 * agent or the runtime was restarted.
 */
import { planEnd } from './end.plan.ts';
import { lifecycleOf } from './lifecycle.plan.ts';
import { planRun } from './run.plan.ts';
import type { Snapshot } from './snapshot.ts';
import type { Decision, Step } from './step.ts';

export function planPod(s: Snapshot): Decision {
  const lifecycle = lifecycleOf(s);
  const steps: Step[] = [];
  const wakes: number[] = [];
  const out = { steps, wakeAt: (ms: number): unknown => wakes.push(ms) };
  switch (lifecycle.type) {
    case 'run':
      planRun(s, out);
      break;
    case 'end':
      planEnd(s, lifecycle.why, out);
      break;
    case 'refused':
      break;
  }
  return { steps, wakeAtMs: wakes.length > 0 ? Math.min(...wakes) : undefined };
}
