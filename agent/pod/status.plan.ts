/**
 * The one function that derives a pod's status. Everything in it follows from the snapshot; `previous` is used for
 * nothing but the times of transitions, the start time and the conditions that others own.
 */
import { timestamp } from '#proto/meta/timestamp.ts';
import type { ContainerStatus, Pod, PodCondition, PodStatus } from '#proto/schema/generated/core-v1.ts';
import { containerStatus } from './container-status.plan.ts';
import { containersOf, currentSandbox, isInitialized, isLive } from './history.plan.ts';
import { type Lifecycle, lifecycleOf } from './lifecycle.plan.ts';
import { qosClass } from './qos.plan.ts';
import { resizeCondition } from './resize.plan.ts';
import type { Snapshot } from './snapshot.ts';

/** Conditions that this board writes; the rest of the list belongs to others. */
export const OWN_CONDITIONS = [
  'PodReadyToStartContainers',
  'Initialized',
  'Ready',
  'ContainersReady',
  'PodScheduled',
] as const;

/** Conditions of this board's that are there only for as long as they are true. */
export const PASSING_CONDITIONS: readonly string[] = ['PodResizePending', 'PodResizeInProgress'];

export function podStatus(s: Snapshot): PodStatus {
  const lifecycle = lifecycleOf(s);
  const sandbox = currentSandbox(s.sandboxes);
  const specs = containersOf(s.pod);
  const over = lifecycle.type === 'end' && (lifecycle.why === 'finished' || lifecycle.why === 'failed');
  const apps0 = specs.filter((c) => c.role === 'app').map((c) => containerStatus(s, lifecycle, c, true));
  const initialized = isInitialized(s, sandbox) || apps0.some((c) => c.containerID !== undefined);
  const statuses = specs.map((c) => ({
    role: c.role,
    status: containerStatus(s, lifecycle, c, initialized),
  }));
  const of = (...roles: string[]): ContainerStatus[] =>
    statuses.filter((c) => roles.includes(c.role)).map((c) => c.status);
  const [init, app, ephemeral] = [of('init', 'sidecar'), of('app'), of('ephemeral')];

  const phase = phaseOf(s, lifecycle, app, initialized);
  const now = s.pod.spec.hostNetwork ? (sandbox?.ready ? s.hostIps : []) : (sandbox?.ips ?? []);
  // A pod that has ended keeps the address that it had, for whoever reads its story.
  const before = (s.previous?.podIPs ?? []).flatMap(({ ip }) => (ip ? [ip] : []));
  const ips = now.length === 0 && lifecycle.type === 'end' ? before : now;
  const ending = lifecycle.type === 'end' ? lifecycle : undefined;
  return {
    observedGeneration: s.pod.metadata.generation,
    phase,
    conditions: conditions(s, { phase, init, app, initialized, over, hasNetwork: !!sandbox?.ready }),
    ...(ending?.reason ? { reason: ending.reason } : {}),
    ...(ending?.message ? { message: ending.message } : {}),
    ...(s.hostIps[0] ? { hostIP: s.hostIps[0], hostIPs: s.hostIps.map((ip) => ({ ip })) } : {}),
    ...(ips[0] ? { podIP: ips[0], podIPs: ips.map((ip) => ({ ip })) } : {}),
    startTime: timestamp(s.startTimeMs),
    ...(init.length > 0 ? { initContainerStatuses: init } : {}),
    containerStatuses: app,
    ...(ephemeral.length > 0 ? { ephemeralContainerStatuses: ephemeral } : {}),
    qosClass: qosClass(s.pod),
  };
}

function phaseOf(
  s: Snapshot,
  lifecycle: Lifecycle,
  app: readonly ContainerStatus[],
  initialized: boolean,
): string {
  const live = s.containers.some(isLive);
  // A phase that is final is held back until nothing of the pod runs any more.
  if (lifecycle.type === 'end' && !live) {
    if (lifecycle.why === 'finished') return 'Succeeded';
    if (lifecycle.why === 'failed' || lifecycle.reason) return 'Failed';
    const succeeded = app.every((c) => c.state?.terminated?.exitCode === 0);
    return succeeded ? 'Succeeded' : 'Failed';
  }
  if (lifecycle.type === 'refused' || !initialized) return 'Pending';
  const waiting = app.some((c) => c.state?.waiting && !c.lastState?.terminated);
  return waiting ? 'Pending' : 'Running';
}

interface Seen {
  readonly phase: string;
  readonly init: readonly ContainerStatus[];
  readonly app: readonly ContainerStatus[];
  readonly initialized: boolean;
  readonly over: boolean;
  readonly hasNetwork: boolean;
}

type Verdict = readonly [status: boolean, reason?: string | undefined, message?: string | undefined];

function conditions(s: Snapshot, seen: Seen): PodCondition[] {
  const ready = containersReady(s.pod, seen);
  const verdicts: Readonly<Record<(typeof OWN_CONDITIONS)[number], Verdict>> = {
    PodReadyToStartContainers: [seen.hasNetwork],
    Initialized: initializedVerdict(s.pod, seen),
    Ready: ready[0] ? readinessGates(s) : ready,
    ContainersReady: ready,
    PodScheduled: [true],
  };
  const own = OWN_CONDITIONS.map((type) => condition(s, type, verdicts[type]));
  const resize = lifecycleIsOver(seen) ? undefined : resizeCondition(s);
  return [
    ...own,
    ...(resize ? [condition(s, resize.type, [true, resize.reason, resize.message])] : []),
    // Of a pod that the board ended: said by nobody else, and true for good.
    ...(s.verdict?.isDisruption
      ? [condition(s, 'DisruptionTarget', [true, 'TerminationByKubelet', s.verdict.message])]
      : []),
  ];
}

const lifecycleIsOver = ({ over, phase }: Seen): boolean =>
  over || phase === 'Succeeded' || phase === 'Failed';

function condition(s: Snapshot, type: string, [status, reason, message]: Verdict): PodCondition {
  const old = s.previous?.conditions?.find((c) => c.type === type);
  const text = status ? 'True' : 'False';
  const same = old?.status === text && old.lastTransitionTime;
  return {
    type,
    status: text,
    lastTransitionTime: same || timestamp(s.now),
    ...(s.pod.metadata.generation ? { observedGeneration: s.pod.metadata.generation } : {}),
    ...(reason ? { reason } : {}),
    ...(message ? { message } : {}),
  };
}

function initializedVerdict(pod: Pod, { phase, init, initialized }: Seen): Verdict {
  if (phase === 'Succeeded') return [true, 'PodCompleted'];
  if (initialized) return [true];
  const sidecars = (pod.spec.initContainers ?? [])
    .filter((c) => c.restartPolicy === 'Always')
    .map((c) => c.name);
  const incomplete = init.filter((c) => (sidecars.includes(c.name) ? !c.started : !c.ready));
  return [
    false,
    'ContainersNotInitialized',
    `containers with incomplete status: [${incomplete.map((c) => c.name).join(' ')}]`,
  ];
}

function containersReady(pod: Pod, { phase, app, init }: Seen): Verdict {
  if (phase === 'Succeeded') return [false, 'PodCompleted'];
  if (phase === 'Failed') return [false, 'PodFailed'];
  const sidecars = new Set(
    (pod.spec.initContainers ?? []).filter((c) => c.restartPolicy === 'Always').map((c) => c.name),
  );
  const unready = [...init.filter((c) => sidecars.has(c.name)), ...app].filter((c) => !c.ready);
  if (unready.length === 0) return [true];
  return [
    false,
    'ContainersNotReady',
    `containers with unready status: [${unready.map((c) => c.name).join(' ')}]`,
  ];
}

function readinessGates(s: Snapshot): Verdict {
  const known = [...(s.previous?.conditions ?? []), ...(s.pod.status?.conditions ?? [])];
  const messages = (s.pod.spec.readinessGates ?? []).flatMap(({ conditionType }) => {
    const condition = known.find((c) => c.type === conditionType);
    if (!condition) {
      return [`corresponding condition of pod readiness gate "${conditionType}" does not exist.`];
    }
    if (condition.status === 'True') return [];
    return [`the status of pod readiness gate "${conditionType}" is not "True", but ${condition.status}`];
  });
  return messages.length > 0 ? [false, 'ReadinessGatesNotReady', messages.join(', ')] : [true];
}
