import { AGE, age, NAME, NONE, text, wide } from '#proto/api/columns.ts';
import type { Column } from '#proto/api/resource.ts';
import type { ContainerStatus, Pod } from '#proto/schema/generated/core-v1.ts';

/** One line about a Pod, as `kubectl get pods` shows it. Rule: upstream's `printPod`. */
export interface PodSummary {
  readonly ready: string;
  readonly status: string;
  readonly restarts: number;
  /** When the container that was restarted last had ended, if any. */
  readonly lastRestart: string | undefined;
}

interface Tally {
  ready: number;
  total: number;
  restarts: number;
  lastRestart: string | undefined;
}

export function summarizePod(pod: Pod): PodSummary {
  const { spec, status } = pod;
  const inits = status?.initContainerStatuses ?? [];
  const sidecars = new Set(
    (spec.initContainers ?? []).filter((c) => c.restartPolicy === 'Always').map((c) => c.name),
  );
  const tally: Tally = {
    ready: 0,
    total: (spec.containers ?? []).length + sidecars.size,
    restarts: 0,
    lastRestart: undefined,
  };
  let reason = status?.reason || status?.phase || '';
  if (conditionOf(pod, 'PodScheduled')?.reason === 'SchedulingGated') reason = 'SchedulingGated';

  for (const init of inits) count(tally, init);
  tally.ready += inits.filter((s) => sidecars.has(s.name) && s.started && s.ready && !endedWell(s)).length;
  const blocker = inits.findIndex((s) => !endedWell(s) && !(sidecars.has(s.name) && s.started));
  if (blocker >= 0) reason = initReason(inits[blocker], blocker, (spec.initContainers ?? []).length);

  if (blocker < 0 || conditionOf(pod, 'Initialized')?.status === 'True') {
    // From here on only sidecars count among init containers: the others are history.
    tally.restarts = 0;
    tally.lastRestart = undefined;
    for (const init of inits) if (sidecars.has(init.name)) count(tally, init);
    reason = containersReason(pod, tally, reason);
  }

  if (pod.metadata.deletionTimestamp) {
    if (status?.reason === 'NodeLost') reason = 'Unknown';
    else if (status?.phase !== 'Succeeded' && status?.phase !== 'Failed') reason = 'Terminating';
  }
  return {
    ready: `${tally.ready}/${tally.total}`,
    status: reason,
    restarts: tally.restarts,
    lastRestart: tally.lastRestart,
  };
}

function containersReason(pod: Pod, tally: Tally, before: string): string {
  let reason = before;
  let running = false;
  for (const container of [...(pod.status?.containerStatuses ?? [])].reverse()) {
    count(tally, container);
    const { waiting, terminated } = container.state ?? {};
    if (waiting?.reason) reason = waiting.reason;
    else if (terminated) reason = terminated.reason || exitReason(terminated);
    else if (container.ready && container.state?.running) {
      running = true;
      tally.ready += 1;
    }
  }
  if (reason === 'Completed' && running) {
    return conditionOf(pod, 'Ready')?.status === 'True' ? 'Running' : 'NotReady';
  }
  return reason;
}

function initReason(init: ContainerStatus | undefined, index: number, total: number): string {
  const { waiting, terminated } = init?.state ?? {};
  if (terminated) return `Init:${terminated.reason || exitReason(terminated)}`;
  if (waiting?.reason && waiting.reason !== 'PodInitializing') return `Init:${waiting.reason}`;
  return `Init:${index}/${total}`;
}

const exitReason = (t: { signal?: number | undefined; exitCode: number }): string =>
  t.signal ? `Signal:${t.signal}` : `ExitCode:${t.exitCode}`;

const endedWell = (status: ContainerStatus): boolean => status.state?.terminated?.exitCode === 0;

function count(tally: Tally, status: ContainerStatus): void {
  tally.restarts += status.restartCount ?? 0;
  const ended = status.lastState?.terminated?.finishedAt;
  if (ended && (!tally.lastRestart || Date.parse(tally.lastRestart) < Date.parse(ended))) {
    tally.lastRestart = ended;
  }
}

const conditionOf = (pod: Pod, type: string) => pod.status?.conditions?.find((c) => c.type === type);

function readinessGates(pod: Pod): string {
  const gates = pod.spec.readinessGates ?? [];
  if (gates.length === 0) return NONE;
  const open = gates.filter((gate) => conditionOf(pod, gate.conditionType)?.status === 'True');
  return `${open.length}/${gates.length}`;
}

function restarts(pod: Pod, now: number): string {
  const { restarts: n, lastRestart } = summarizePod(pod);
  return n > 0 && lastRestart ? `${n} (${age(lastRestart, now)} ago)` : `${n}`;
}

export const POD_COLUMNS: readonly Column<Pod>[] = [
  NAME,
  text(
    'Ready',
    (pod) => summarizePod(pod).ready,
    'The aggregate readiness state of this pod for accepting traffic.',
  ),
  text('Status', (pod) => summarizePod(pod).status, 'The aggregate status of the containers in this pod.'),
  text(
    'Restarts',
    restarts,
    'The number of times the containers in this pod have been restarted and when the last container in this pod has restarted.',
  ),
  AGE,
  wide('IP', (pod) => pod.status?.podIPs?.[0]?.ip || pod.status?.podIP || NONE),
  wide('Node', (pod) => pod.spec.nodeName || NONE),
  wide('Nominated Node', (pod) => pod.status?.nominatedNodeName || NONE),
  wide('Readiness Gates', readinessGates),
];
