/**
 * Writes pod statuses to the server: only what has changed, only the newest of each pod, and again for as long as
 * the server is away. The first write of a pod looks at what the server has, so that a restarted agent neither
 * repeats a status nor moves the times of its transitions. Every connection begins with such a look: the server keeps
 * statuses in memory for minutes, so one that crashed, or was restored, comes back with older ones.
 */
import type { Cluster } from '#agent/link/cluster.ts';
import { CONFIG_MIRROR, isStatic } from '#agent/static/static-pod.plan.ts';
import type { Clock } from '#proto/meta/clock.ts';
import type { Logger } from '#proto/meta/log.ts';
import { isConflict, isNotFound, notFound } from '#proto/meta/status-error.ts';
import type { Pod, PodStatus } from '#proto/schema/generated/core-v1.ts';
import { PASSING_CONDITIONS } from './status.plan.ts';

const RETRY_MS = 5000;
const PARALLEL = 4;

interface Entry {
  readonly pod: Pod;
  wanted: PodStatus;
  /** JSON of what the server has; undefined until it was asked. */
  sent: string | undefined;
  server: PodStatus | undefined;
  busy: boolean;
  /** Of the mirror, for a static pod. */
  serverUid: string;
}

export interface StatusReporterOptions {
  readonly cluster: Cluster;
  readonly clock: Clock;
  readonly log: Logger;
}

export class StatusReporter {
  readonly #options: StatusReporterOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #signal: AbortSignal;
  #active = 0;
  #retrying = false;

  constructor(options: StatusReporterOptions, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
    const off = options.cluster.onConnection((connected) => {
      if (!connected) return;
      for (const entry of this.#entries.values()) entry.sent = undefined;
      this.#pump();
    });
    signal.addEventListener('abort', off, { once: true });
  }

  report(pod: Pod, status: PodStatus): void {
    const uid = pod.metadata.uid ?? '';
    const entry = this.#entries.get(uid);
    if (entry) entry.wanted = status;
    else {
      const fresh = { pod, wanted: status, sent: undefined, server: undefined, busy: false, serverUid: uid };
      this.#entries.set(uid, fresh);
    }
    this.#pump();
  }

  /** The server has lost what it was told of this pod. */
  resend(uid: string): void {
    const entry = this.#entries.get(uid);
    if (!entry) return;
    entry.sent = undefined;
    this.#pump();
  }

  /** What the server was last told, or is known to have. */
  last(uid: string): PodStatus | undefined {
    return this.#entries.get(uid)?.server;
  }

  /** The newest of a pod, told or not. */
  current(uid: string): PodStatus | undefined {
    return this.#entries.get(uid)?.wanted;
  }

  /** Whether the server has the newest status of the pod, or the pod is gone from it. */
  isFlushed(uid: string): boolean {
    const entry = this.#entries.get(uid);
    return !entry || isSent(entry);
  }

  forget(uid: string): void {
    this.#entries.delete(uid);
  }

  #pump(): void {
    if (!this.#options.cluster.connected || this.#signal.aborted) return;
    for (const [uid, entry] of this.#entries) {
      if (this.#active >= PARALLEL) return;
      if (entry.busy || isSent(entry)) continue;
      entry.busy = true;
      this.#active++;
      void this.#send(uid, entry).finally(() => {
        entry.busy = false;
        this.#active--;
        if (!this.#retrying) this.#pump();
      });
    }
  }

  async #send(uid: string, entry: Entry): Promise<void> {
    const { cluster, log } = this.#options;
    const { namespace, name } = entry.pod.metadata;
    const path = `/api/v1/namespaces/${namespace}/pods/${name}`;
    try {
      if (entry.sent === undefined) {
        const current = await cluster.api<Pod>('GET', path);
        if (current.metadata.uid !== uid && !isMirrorOf(current, uid)) {
          if (isStatic(entry.pod)) throw notFound({ group: '', resource: 'pods' }, name ?? '');
          return this.forget(uid);
        }
        entry.serverUid = current.metadata.uid ?? uid;
        entry.server = current.status;
        entry.sent = JSON.stringify(current.status ?? {});
      }
      const wanted = keepTimes(entry.wanted, entry.server);
      const own = JSON.stringify(entry.wanted);
      if (entry.server === undefined || !sameStatus(wanted, entry.server)) {
        const body = { metadata: { uid: entry.serverUid }, status: statusPatch(wanted, entry.server) };
        await cluster.api('PATCH', `${path}/status`, body, 'application/strategic-merge-patch+json');
      }
      entry.server = wanted;
      entry.sent = own;
    } catch (err) {
      // A static pod's mirror may come yet, or again.
      if (isNotFound(err) && !isStatic(entry.pod)) return this.forget(uid);
      if (isNotFound(err)) entry.sent = undefined;
      if (isConflict(err)) entry.sent = undefined;
      log.debug('pod status not written', { pod: `${namespace}/${name}`, err });
      this.#retryLater();
    }
  }

  #retryLater(): void {
    if (this.#retrying) return;
    this.#retrying = true;
    this.#options.clock
      .sleep(RETRY_MS, this.#signal)
      .then(() => {
        this.#retrying = false;
        this.#pump();
      })
      .catch(() => undefined);
  }
}

const isMirrorOf = ({ metadata }: Pod, uid: string): boolean => metadata.annotations?.[CONFIG_MIRROR] === uid;

const isSent = (entry: Entry): boolean => entry.sent === JSON.stringify(entry.wanted);

/** The server's time of a transition stays where the condition has not changed since. */
export function keepTimes(wanted: PodStatus, server: PodStatus | undefined): PodStatus {
  const conditions = wanted.conditions?.map((condition) => {
    const old = server?.conditions?.find((c) => c.type === condition.type);
    if (old?.status !== condition.status || !old.lastTransitionTime) return condition;
    return { ...condition, lastTransitionTime: old.lastTransitionTime };
  });
  return {
    ...wanted,
    startTime: server?.startTime ?? wanted.startTime,
    ...(conditions ? { conditions } : {}),
  };
}

/** Whether the server already has all that this board would write. */
export function sameStatus(wanted: PodStatus, server: PodStatus): boolean {
  const own = new Set([...(wanted.conditions ?? []).map((c) => c.type), ...PASSING_CONDITIONS]);
  const theirs = { ...server, conditions: (server.conditions ?? []).filter((c) => own.has(c.type)) };
  const keys = new Set(Object.keys(OWNED));
  const pick = (status: PodStatus): string => canonical(status, keys);
  return pick(wanted) === pick(theirs);
}

/** Fields of the status that are this board's to write; a field that has gone is taken away with null. */
const OWNED: Readonly<Partial<Record<keyof PodStatus, true>>> = {
  observedGeneration: true,
  phase: true,
  conditions: true,
  message: true,
  reason: true,
  hostIP: true,
  hostIPs: true,
  podIP: true,
  podIPs: true,
  startTime: true,
  initContainerStatuses: true,
  containerStatuses: true,
  qosClass: true,
  ephemeralContainerStatuses: true,
};

function canonical(status: PodStatus, keys: ReadonlySet<string>): string {
  const sort = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(sort);
    if (value === null || typeof value !== 'object') return value;
    const entries = Object.entries(value).filter(([, v]) => v !== undefined && v !== null);
    return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([k, v]) => [k, sort(v)]));
  };
  const conditions = [...(status.conditions ?? [])].sort((a, b) => (a.type < b.type ? -1 : 1));
  const entries = Object.entries({ ...status, conditions }).filter(([key]) => keys.has(key));
  return JSON.stringify(sort(Object.fromEntries(entries)));
}

/** Conditions are merged by type, so that those of others stay; address lists are replaced as a whole. */
export function statusPatch(wanted: PodStatus, server: PodStatus | undefined): Record<string, unknown> {
  const patch: Record<string, unknown> = { ...wanted };
  for (const key of Object.keys(OWNED) as (keyof PodStatus)[]) {
    if (wanted[key] === undefined && server?.[key] !== undefined) patch[key] = null;
  }
  for (const key of ['podIPs', 'hostIPs'] as const) {
    const list = wanted[key];
    if (list) patch[key] = [{ $patch: 'replace' }, ...list];
  }
  const passed = (server?.conditions ?? []).filter(
    ({ type }) => PASSING_CONDITIONS.includes(type) && !wanted.conditions?.some((c) => c.type === type),
  );
  patch['conditions'] = [
    ...(wanted.conditions ?? []).map((condition) => ({
      ...condition,
      reason: condition.reason ?? null,
      message: condition.message ?? null,
    })),
    ...passed.map(({ type }) => ({ $patch: 'delete', type })),
  ];
  return patch;
}
