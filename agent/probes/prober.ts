/**
 * The probes of one pod: each probe of each running container is tried from its start to its end. Results are
 * for this process alone; after a restart of the agent every probe starts over, at once where its delay is past.
 */
import type { ProbeView } from '#agent/pod/snapshot.ts';
import type { Clock } from '#proto/meta/clock.ts';
import type { Container, EphemeralContainer, Probe } from '#proto/schema/generated/core-v1.ts';
import {
  firstDelayMs,
  initialState,
  nextDueMs,
  type Outcome,
  type ProbeKind,
  type ProbeState,
  stepProbe,
} from './probe.plan.ts';
import type { ProbeRunner } from './probe-runner.ts';
import type { Ticks } from './ticks.ts';

export interface Probed {
  readonly spec: Container | EphemeralContainer;
  readonly containerId: string;
  readonly startedAtMs: number;
  readonly podIp: string;
  /** Known from before this process: the startup probe is not asked again. */
  readonly started: boolean;
  /** What readiness was last reported as. */
  readonly ready: boolean;
}

export interface ProberOptions {
  /** Both are the board's, for the probes of all Pods. */
  readonly probes: ProbeRunner;
  readonly ticks: Ticks;
  readonly clock: Clock;
  /** Called when a result has changed. */
  changed(): void;
  /** An event of type Warning about that container. */
  tell(container: string, reason: 'Unhealthy' | 'ProbeWarning', message: string): void;
}

interface Watched {
  readonly target: Probed;
  running: boolean;
  /** How to take back what is due next. */
  readonly waiting: Map<ProbeKind, () => void>;
  readonly states: Map<ProbeKind, ProbeState>;
  held: ProbeView['kill'];
}

const KINDS: readonly ProbeKind[] = ['startup', 'liveness', 'readiness'];
const PROBE = { startup: 'startupProbe', liveness: 'livenessProbe', readiness: 'readinessProbe' } as const;
const WORD = { startup: 'Startup', liveness: 'Liveness', readiness: 'Readiness' } as const;
const SAID = {
  warning: 'warning',
  failure: 'failed',
  error: 'errored and resulted in unknown state',
} as const;

export class Prober {
  readonly #options: ProberOptions;
  readonly #watched = new Map<string, Watched>();

  constructor(options: ProberOptions) {
    this.#options = options;
  }

  /** Starts what is new, ends what no longer runs. A pod that is ending is asked for readiness alone. */
  sync(running: readonly Probed[], ending: boolean): void {
    const ids = new Set(running.map((c) => c.containerId));
    for (const [id, watched] of this.#watched) {
      if (ids.has(id)) continue;
      watched.running = false;
      for (const cancel of watched.waiting.values()) cancel();
      this.#watched.delete(id);
    }
    for (const target of running) {
      const { spec, containerId } = target;
      if (ending || this.#watched.has(containerId)) continue;
      const kinds = KINDS.filter((kind) => spec[PROBE[kind]]);
      if (kinds.length === 0) continue;
      const states = new Map(kinds.map((kind) => [kind, beginning(kind, target)]));
      const watched: Watched = { target, running: true, waiting: new Map(), states, held: undefined };
      this.#watched.set(containerId, watched);
      this.#startAll(watched);
    }
    if (ending) {
      for (const watched of this.#watched.values()) watched.held = undefined;
    }
  }

  /** By container id; nothing for a container of which no probe has spoken yet. */
  views(): ReadonlyMap<string, ProbeView> {
    const views = new Map<string, ProbeView>();
    for (const [id, { states, held, target }] of this.#watched) {
      const spoken = [...states.values()].some((state) => state.last !== undefined);
      const startup = states.get('startup');
      const readiness = states.get('readiness');
      if (!spoken && !target.started && !target.ready) continue;
      views.set(id, {
        started: startup ? startup.result === 'success' : true,
        ready: readiness ? readiness.result === 'success' : true,
        kill: held,
      });
    }
    return views;
  }

  /** Whether the readiness of this container is still unknown to this process. */
  isSilent(containerId: string): boolean {
    const state = this.#watched.get(containerId)?.states.get('readiness');
    return state !== undefined && state.last === undefined;
  }

  stop(): void {
    this.sync([], false);
  }

  /** Tries again and again, from `dueMs` on, until there is nothing more to find out. */
  #start(watched: Watched, kind: ProbeKind, probe: Probe, dueMs: number): void {
    const { ticks, probes, clock } = this.#options;
    const run = probes.prepare(watched.target, probe);
    const attempt = async (dueMs: number): Promise<void> => {
      watched.waiting.delete(kind);
      const outcome = await run().catch((err: unknown): Outcome => ({ type: 'error', message: String(err) }));
      if (!watched.running) return;
      this.#take(watched, kind, probe, outcome);
      const isKnown = kind === 'startup' && watched.states.get(kind)?.result === 'success';
      if (isKnown || (kind !== 'readiness' && watched.held)) return;
      at(nextDueMs(probe, dueMs, clock.uptimeMs()));
    };
    const at = (dueMs: number): void => {
      watched.waiting.set(
        kind,
        ticks.at(dueMs, () => void attempt(dueMs)),
      );
    };
    at(dueMs);
  }

  /** Those that a startup probe held back begin as soon as it has passed. */
  #startAll(watched: Watched): void {
    const { clock } = this.#options;
    const { spec, startedAtMs } = watched.target;
    const isStarted = (watched.states.get('startup')?.result ?? 'success') === 'success';
    for (const kind of watched.states.keys()) {
      const probe = spec[PROBE[kind]];
      if (!probe || (kind === 'startup') === isStarted) continue;
      const delayMs = firstDelayMs(probe, startedAtMs, clock.now());
      this.#start(watched, kind, probe, clock.uptimeMs() + delayMs);
    }
  }

  #take(watched: Watched, kind: ProbeKind, probe: Probe, outcome: Outcome): void {
    const { changed, tell } = this.#options;
    const { target, states } = watched;
    const { name } = target.spec;
    if (outcome.type !== 'success') {
      const reason = outcome.type === 'warning' ? 'ProbeWarning' : 'Unhealthy';
      tell(name, reason, `${WORD[kind]} probe ${SAID[outcome.type]}: ${outcome.message}`);
    }
    const old = states.get(kind) ?? initialState(kind);
    const next = stepProbe(old, probe, outcome);
    if (next === old) return;
    states.set(kind, next);
    if (kind !== 'readiness' && next.result === 'failure' && !watched.held) {
      watched.held = {
        message: `Container ${name} failed ${kind} probe, will be restarted`,
        graceSeconds: probe.terminationGracePeriodSeconds,
      };
    }
    if (kind === 'startup' && next.result === 'success') this.#startAll(watched);
    if (old.result !== next.result || old.last === undefined) changed();
  }
}

function beginning(kind: ProbeKind, target: Probed): ProbeState {
  const known = (kind === 'startup' && target.started) || (kind === 'readiness' && target.ready);
  return known ? { result: 'success', last: undefined, run: 0 } : initialState(kind);
}
