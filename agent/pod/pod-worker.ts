/**
 * One pod's worker: observe, plan, act, one pass after the other, never two at a time. Sleeps until something wakes it
 * or a time of the plan comes; has nothing to say of its own about what the pod should be.
 */
import { Prober } from '#agent/probes/prober.ts';
import { RuntimeError } from '#agent/runtime/runtime.ts';
import type { Pod, PodStatus } from '#proto/schema/generated/core-v1.ts';
import type { Rejection } from './admission.plan.ts';
import { execute } from './execute.ts';
import type { Hands } from './hands.ts';
import { containersOf, currentSandbox } from './history.plan.ts';
import { GRACE_PERIOD, POD_NAME, POD_NAMESPACE, START_TIME } from './labels.ts';
import { lifecycleOf } from './lifecycle.plan.ts';
import { emptyMemory } from './memory.ts';
import { planPod } from './pod.plan.ts';
import type { PodsContext } from './pods-options.ts';
import { hasTokens, referencesTo } from './references.plan.ts';
import type { PodDetails, PodRuntime } from './runtime-view.ts';
import type { Snapshot } from './snapshot.ts';
import { podStatus } from './status.plan.ts';
import type { Step } from './step.ts';
import type { Verdict } from './verdict.ts';

const FIRST_RETRY_MS = 1000;
const LAST_RETRY_MS = 60_000;
/** Tokens are asked for anew, and files looked after, this often; the volumes know what is due. */
const REFRESH_MS = 300_000;
/** A restarted agent waits this long for the first word of a readiness probe before it speaks of the pod. */
const SILENCE_MS = 3000;
const EVENT_PATH = {
  init: 'initContainers',
  sidecar: 'initContainers',
  app: 'containers',
  ephemeral: 'ephemeralContainers',
};

/** Steps after which the runtime has what it had before. */
const LOCAL: ReadonlySet<Step['type']> = new Set(['ensureCgroup', 'prepareVolumes', 'pullImage']);

export class PodWorker {
  readonly #context: PodsContext;
  readonly #memory = emptyMemory();
  readonly #prober: Prober;
  /** By container: the state of waiting that an event has told of. */
  readonly #told = new Map<string, string>();
  readonly #bornMs: number;
  readonly #recovered: boolean;
  /** What the runtime has of the pod, for as long as nothing can have changed it: looking costs milliseconds. */
  #seen: PodDetails | undefined;
  #moves = 0;
  #pod: Pod;
  #wanted = true;
  readonly #ending = new AbortController();
  #version = 0;
  #startTimeMs: number | undefined;
  #previous: PodStatus | undefined;
  #wakeUp: (() => void) | undefined;
  #awake = false;
  #retryMs = FIRST_RETRY_MS;
  #refreshedMs: number;

  /** `recovered`: the runtime already had something of this pod when the worker began. */
  constructor(context: PodsContext, pod: Pod, recovered: boolean) {
    this.#context = context;
    this.#pod = pod;
    this.#recovered = recovered;
    if (!recovered) this.#seen = { sandboxes: [], containers: [] };
    this.#previous = pod.status;
    this.#bornMs = context.clock.now();
    this.#refreshedMs = this.#bornMs;
    this.#prober = new Prober({
      probes: context.probes,
      ticks: context.ticks,
      clock: context.clock,
      changed: () => this.wake(),
      tell: (container, reason, message) => this.#event('Warning', reason, message, container),
    });
  }

  get pod(): Pod {
    return this.#pod;
  }

  /** The wish has changed, or is gone: `undefined`. */
  update(pod: Pod | undefined): void {
    if (pod ? this.#wanted && isSame(pod, this.#pod) : !this.#wanted) return;
    if (pod) {
      const changed = JSON.stringify(pod.metadata) !== JSON.stringify(this.#pod.metadata);
      if (changed && this.#memory.volumes.state !== 'failed') this.#lookAtVolumes();
      this.#pod = pod;
      this.#memory.problems.clear();
    }
    this.#wanted = pod !== undefined;
    if (!pod || pod.metadata.deletionTimestamp) this.#ending.abort();
    this.#version++;
    this.wake();
  }

  /** A ConfigMap or Secret of the pod's namespace has changed. */
  referenceChanged(plural: 'configmaps' | 'secrets', name: string): void {
    const { volumes, env } = referencesTo(this.#pod, plural, name);
    if (!volumes && !env) return;
    if (volumes) this.#lookAtVolumes();
    if (env) this.#memory.problems.clear();
    this.wake();
  }

  /** The server is in reach again: tokens that ended meanwhile are renewed now, and not at their next turn. */
  reconnected(): void {
    if (!hasTokens(this.#pod)) return;
    this.#lookAtVolumes();
    this.wake();
  }

  /** Also where somebody is at it: a view of its own tells him that he may have read what was there before. */
  #lookAtVolumes(): void {
    const { state } = this.#memory.volumes;
    this.#memory.volumes = { state: state === 'ready' || state === 'stale' ? 'stale' : 'pending' };
  }

  /** The pod has to go, whatever it wishes: eviction. */
  evict(verdict: Verdict): void {
    if (this.#memory.verdict) return;
    this.#memory.verdict = verdict;
    this.#ending.abort();
    this.wake();
  }

  /** An event of the board about this pod. */
  tell(type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.#event(type, reason, message);
  }

  /** The board can not take the pod. */
  reject({ reason, message }: Rejection): void {
    this.#event('Warning', reason, message);
    this.evict({ reason, message: `Pod was rejected: ${message}` });
  }

  wake(): void {
    this.#forgetSeen();
    this.#nudge();
  }

  #nudge(): void {
    this.#awake = true;
    this.#wakeUp?.();
  }

  #forgetSeen(): void {
    this.#moves++;
    this.#seen = undefined;
  }

  /** Resolves when nothing of the pod is left, or on abort. */
  async run(signal: AbortSignal): Promise<void> {
    const aborted = (): void => {
      this.#ending.abort();
      this.#wakeUp?.();
    };
    signal.addEventListener('abort', aborted, { once: true });
    try {
      while (!signal.aborted && !this.#memory.gone) {
        this.#awake = false;
        const waitMs = await this.#pass(signal);
        if (waitMs !== 0) await this.#sleep(waitMs, signal);
      }
    } finally {
      signal.removeEventListener('abort', aborted);
      this.#prober.stop();
    }
  }

  /** One pass; gives how long there is nothing to do, 0 for another pass at once. */
  async #pass(signal: AbortSignal): Promise<number | undefined> {
    const { log, clock } = this.#context;
    try {
      const snapshot = await this.#observe();
      this.#report(snapshot);
      const { steps, wakeAtMs } = planPod(snapshot);
      const version = this.#version;
      const hands: Hands = {
        context: this.#context,
        memory: this.#memory,
        snapshot,
        event: (...event) => this.#event(...event),
        wake: () => this.wake(),
        nudge: () => this.#nudge(),
        signal,
        ending: this.#ending.signal,
      };
      for (const step of steps) {
        if (signal.aborted) return undefined;
        try {
          await execute(step, hands);
        } finally {
          if (!LOCAL.has(step.type)) this.#forgetSeen();
        }
        // What is wanted has changed under the plan: the rest of it may be wrong.
        if (version !== this.#version) return 0;
      }
      this.#retryMs = FIRST_RETRY_MS;
      if (steps.length > 0) return 0;
      const refreshAt = hasTokens(this.#pod) ? this.#refreshedMs + REFRESH_MS : undefined;
      const due = [wakeAtMs, refreshAt].filter((ms) => ms !== undefined);
      return due.length > 0 ? Math.max(10, Math.min(...due) - clock.now()) : undefined;
    } catch (err) {
      if (signal.aborted) return undefined;
      const away = err instanceof RuntimeError && err.kind === 'unavailable';
      if (!away) {
        log.warn('pod not synced', {
          pod: `${this.#pod.metadata.namespace}/${this.#pod.metadata.name}`,
          err,
        });
        const message = `error syncing pod: ${err instanceof Error ? err.message : String(err)}`;
        this.#event('Warning', 'FailedSync', message);
      }
      const waitMs = this.#retryMs;
      this.#retryMs = Math.min(LAST_RETRY_MS, waitMs * 2);
      this.#awake = false;
      return away ? Math.min(waitMs, 5000) : waitMs;
    }
  }

  async #observe(): Promise<Snapshot> {
    const { view, clock, reporter, hostIps } = this.#context;
    const moves = this.#moves;
    const seen = this.#seen ?? (await view.pod(this.#pod.metadata.uid ?? ''));
    if (moves === this.#moves) this.#seen = seen;
    const { sandboxes, containers } = seen;
    const now = clock.now();
    const memory = this.#memory;
    if (hasTokens(this.#pod) && now - this.#refreshedMs >= REFRESH_MS && memory.volumes.state === 'ready') {
      memory.volumes = { state: 'stale' };
    }
    if (memory.volumes.state === 'stale') this.#refreshedMs = now;
    this.#startTimeMs ??= startTime(sandboxes, this.#pod) ?? now;
    this.#previous = reporter.last(this.#pod.metadata.uid ?? '') ?? this.#previous;
    const base: Snapshot = {
      ...memory,
      pod: this.#pod,
      wanted: this.#wanted,
      now,
      sandboxes,
      containers,
      probes: this.#prober.views(),
      startTimeMs: this.#startTimeMs,
      skippedMs: now - this.#startTimeMs - clock.since(this.#startTimeMs),
      previous: this.#previous,
      hostIps: hostIps(),
    };
    this.#syncProbes(base);
    return { ...base, probes: this.#prober.views() };
  }

  #syncProbes(s: Snapshot): void {
    const sandbox = currentSandbox(s.sandboxes);
    const podIp = (s.pod.spec.hostNetwork ? s.hostIps[0] : sandbox?.ips[0]) ?? '';
    const statuses = [...(s.previous?.containerStatuses ?? []), ...(s.previous?.initContainerStatuses ?? [])];
    const specs = new Map(containersOf(s.pod).map((c) => [c.spec.name, c]));
    const running = s.containers.flatMap((run) => {
      const found = specs.get(run.name);
      if (run.state !== 'running' || !found || found.role === 'init' || found.role === 'ephemeral') return [];
      const before = statuses.find((c) => c.containerID === `containerd://${run.id}`);
      return {
        spec: found.spec,
        containerId: run.id,
        startedAtMs: run.startedAtMs ?? run.createdAtMs,
        podIp,
        started: before?.started ?? false,
        ready: before?.ready ?? false,
      };
    });
    this.#prober.sync(running, lifecycleOf(s).type === 'end');
  }

  #report(s: Snapshot): void {
    if (!this.#wanted || !this.#pod.metadata.name) return;
    const silent =
      this.#recovered &&
      s.now < this.#bornMs + SILENCE_MS &&
      s.containers.some((c) => c.state === 'running' && this.#prober.isSilent(c.id));
    if (silent) {
      void this.#context.clock.sleep(SILENCE_MS).then(() => this.wake());
      return;
    }
    const status = podStatus(s);
    this.#previous = status;
    this.#context.reporter.report(this.#pod, status);
    this.#tellBackoff(status);
    const lifecycle = lifecycleOf(s);
    if (lifecycle.type !== 'refused' || this.#told.get('') === lifecycle.message) return;
    this.#told.set('', lifecycle.message);
    this.#event('Warning', 'FailedCreatePodSandBox', `Failed to create pod sandbox: ${lifecycle.message}`);
  }

  /** BackOff and refusal are states, not steps: each is told once when it begins. */
  #tellBackoff(status: PodStatus): void {
    for (const c of [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])]) {
      const waiting = c.state?.waiting;
      const key = `${waiting?.reason} ${c.restartCount}`;
      if (this.#told.get(c.name) === key) continue;
      this.#told.set(c.name, key);
      if (waiting?.reason === 'CrashLoopBackOff') {
        const { name, namespace, uid } = this.#pod.metadata;
        const message = `Back-off restarting failed container ${c.name} in pod ${name}_${namespace}(${uid})`;
        this.#event('Warning', 'BackOff', message, c.name);
      }
    }
  }

  #event(type: 'Normal' | 'Warning', reason: string, message: string, container?: string): void {
    const { namespace, name, uid, resourceVersion } = this.#pod.metadata;
    const role = containersOf(this.#pod).find((c) => c.spec.name === container)?.role;
    const about = {
      apiVersion: 'v1',
      kind: 'Pod',
      namespace,
      name,
      uid,
      resourceVersion,
      ...(role ? { fieldPath: `spec.${EVENT_PATH[role]}{${container}}` } : {}),
    };
    this.#context.events.record(about, type, reason, message);
  }

  async #sleep(ms: number | undefined, signal: AbortSignal): Promise<void> {
    if (this.#awake || signal.aborted) return;
    const timer = new AbortController();
    const woken = new Promise<void>((resolve) => {
      this.#wakeUp = resolve;
    });
    const timed =
      ms === undefined ? [] : [this.#context.clock.sleep(ms, timer.signal).catch(() => undefined)];
    await Promise.race([woken, ...timed]);
    this.#wakeUp = undefined;
    // Time alone changes what the runtime has.
    if (!this.#awake) this.#forgetSeen();
    timer.abort();
  }
}

/** A store may parse an object anew for every look at it. */
function isSame(a: Pod, b: Pod): boolean {
  const { resourceVersion } = a.metadata;
  return a === b || (resourceVersion !== undefined && resourceVersion === b.metadata.resourceVersion);
}

function startTime(sandboxes: Snapshot['sandboxes'], pod: Pod): number | undefined {
  const written = sandboxes.map((s) => Number(s.annotations[START_TIME])).filter((ms) => ms > 0);
  if (written.length > 0) return Math.min(...written);
  const known = Date.parse(pod.status?.startTime ?? '');
  return Number.isNaN(known) ? undefined : known;
}

/** What can be said of a pod that only the runtime knows: enough to end it. */
export function podOfRuntime(uid: string, { sandboxes, containers }: PodRuntime): Pod {
  const [sandbox] = sandboxes;
  const [container] = containers;
  const labels = container?.labels ?? {};
  const grace = Number(container?.annotations[GRACE_PERIOD] ?? 30);
  return {
    metadata: {
      uid,
      name: sandbox?.name ?? labels[POD_NAME] ?? '',
      namespace: sandbox?.namespace ?? labels[POD_NAMESPACE] ?? '',
    },
    spec: { containers: [], terminationGracePeriodSeconds: Number.isFinite(grace) ? grace : 30 },
  };
}
