/**
 * The probes of one pod: one loop for each probe of each running container, from its start to its end. Results are
 * for this process alone; after a restart of the agent every probe starts over, at once where its delay is past.
 */
import type { ProbeView } from '#agent/pod/snapshot.ts';
import type { Runtime } from '#agent/runtime/runtime.ts';
import type { Clock } from '#proto/meta/clock.ts';
import type { Container, EphemeralContainer, Probe } from '#proto/schema/generated/core-v1.ts';
import {
  firstDelayMs,
  initialState,
  type Outcome,
  type ProbeKind,
  type ProbeState,
  periodMs,
  stepProbe,
} from './probe.plan.ts';
import { runProbe } from './run-probe.ts';

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
  readonly runtime: Runtime;
  readonly clock: Clock;
  /** Called when a result has changed. */
  changed(): void;
  /** An event of type Warning and reason Unhealthy, about that container. */
  unhealthy(container: string, message: string): void;
}

interface Watched {
  readonly target: Probed;
  readonly abort: AbortController;
  readonly states: Map<ProbeKind, ProbeState>;
  held: ProbeView['kill'];
}

const KINDS: readonly ProbeKind[] = ['startup', 'liveness', 'readiness'];
const PROBE = { startup: 'startupProbe', liveness: 'livenessProbe', readiness: 'readinessProbe' } as const;
const WORD = { startup: 'Startup', liveness: 'Liveness', readiness: 'Readiness' } as const;

export class Prober {
  readonly #options: ProberOptions;
  readonly #watched = new Map<string, Watched>();

  constructor(options: ProberOptions) {
    this.#options = options;
  }

  /** Starts what is new, ends what no longer runs. A pod that is ending is asked for readiness alone. */
  sync(running: readonly Probed[], ending: boolean): void {
    const ids = new Set(running.map((c) => c.containerId));
    for (const [id, { abort }] of this.#watched) {
      if (ids.has(id)) continue;
      abort.abort();
      this.#watched.delete(id);
    }
    for (const target of running) {
      const { spec, containerId } = target;
      if (ending || this.#watched.has(containerId)) continue;
      const kinds = KINDS.filter((kind) => spec[PROBE[kind]]);
      if (kinds.length === 0) continue;
      const states = new Map(kinds.map((kind) => [kind, beginning(kind, target)]));
      const watched: Watched = { target, abort: new AbortController(), states, held: undefined };
      this.#watched.set(containerId, watched);
      for (const kind of kinds) {
        const probe = spec[PROBE[kind]];
        if (probe) void this.#loop(watched, kind, probe);
      }
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

  async #loop(watched: Watched, kind: ProbeKind, probe: Probe): Promise<void> {
    const { clock } = this.#options;
    const { signal } = watched.abort;
    const started = (): boolean => (watched.states.get('startup')?.result ?? 'success') === 'success';
    try {
      const first = firstDelayMs(probe, watched.target.startedAtMs, clock.now());
      if (first > 0) await clock.sleep(first, signal);
      while (!signal.aborted) {
        const done = kind === 'startup' && started();
        if (done || (kind !== 'readiness' && watched.held)) return;
        if (kind === 'startup' || started()) await this.#once(watched, kind, probe);
        // Readiness is to be known soon after the startup probe has passed.
        const wait = kind === 'startup' || started() ? periodMs(probe) : Math.min(periodMs(probe), 1000);
        await clock.sleep(wait, signal);
      }
    } catch (err) {
      if (!signal.aborted) throw err;
    }
  }

  async #once(watched: Watched, kind: ProbeKind, probe: Probe): Promise<void> {
    const { runtime, changed, unhealthy } = this.#options;
    const { target, states, abort } = watched;
    const outcome = await runProbe(runtime, target, probe).catch(
      (err: unknown): Outcome => ({ type: 'error', message: String(err) }),
    );
    if (abort.signal.aborted) return;
    const name = target.spec.name;
    if (outcome.type === 'failure') unhealthy(name, `${WORD[kind]} probe failed: ${outcome.message}`);
    if (outcome.type === 'error') unhealthy(name, `${WORD[kind]} probe errored: ${outcome.message}`);
    const old = states.get(kind) ?? initialState(kind);
    const next = stepProbe(old, probe, outcome);
    states.set(kind, next);
    if (kind !== 'readiness' && next.result === 'failure' && !watched.held) {
      watched.held = {
        message: `Container ${name} failed ${kind} probe, will be restarted`,
        graceSeconds: probe.terminationGracePeriodSeconds,
      };
    }
    if (old.result !== next.result || old.last === undefined) changed();
  }
}

function beginning(kind: ProbeKind, target: Probed): ProbeState {
  const known = (kind === 'startup' && target.started) || (kind === 'readiness' && target.ready);
  return known ? { result: 'success', last: undefined, run: 0 } : initialState(kind);
}
