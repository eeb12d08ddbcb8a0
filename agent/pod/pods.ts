/**
 * The pods of this board: one worker a pod, found by uid, so that a pod that was replaced under its name while the
 * board was away is two. What is not desired is removed only once the board holds its full set of wishes.
 */

import { ProbeRunner } from '#agent/probes/probe-runner.ts';
import { Ticks } from '#agent/probes/ticks.ts';
import { isStatic } from '#agent/static/static-pod.plan.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import { planAdmission } from './admission.plan.ts';
import { EventRecorder } from './event-recorder.ts';
import { Gate } from './gate.ts';
import { POD_NAME, POD_NAMESPACE } from './labels.ts';
import { PodFiles } from './pod-files.ts';
import { PodWorker, podOfRuntime } from './pod-worker.ts';
import type { PodsContext, PodsOptions } from './pods-options.ts';
import { asGranted } from './resize.plan.ts';
import { RuntimeView } from './runtime-view.ts';
import { StatusReporter } from './status-reporter.ts';
import type { Verdict } from './verdict.ts';

const RELIST_MS = 60_000;
const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 10_000;
/** Sandboxes and containers being started at a time: more makes each slower on a board, not the sum faster. */
const STARTS = 4;
const SETTLE_MS = [10, 20, 50, 100, 250, 1000, 5000];

export interface Pods {
  /** Ends a pod as failed: for whoever watches over the board's memory and disk. */
  evict(uid: string, verdict: Verdict): void;
  /** Pods with a worker, wanted or still going. */
  list(): readonly Pod[];
  /** Whether the server has the newest status of the pod. */
  isTold(uid: string): boolean;
  /** Tells the status of this pod to the server once more. */
  resend(uid: string): void;
  /** Those that have not ended, each with its status of now. */
  active(): readonly Pod[];
  /** All, each with its status of now. */
  withStatus(): readonly Pod[];
  /** Looks at all of them: something that their statuses tell has changed. */
  wake(): void;
  /** Events of this board, for the node's own too. */
  readonly events: EventRecorder;
  /** Resolves when all workers have ended, after the signal. */
  readonly done: Promise<void>;
}

/** Runs the desired pods on the runtime until the signal; leaves what runs running. */
export function startPods(options: PodsOptions, signal: AbortSignal): Pods {
  const { runtime, desired, clock, log } = options;
  const files = new PodFiles(options.podsDir, options.logsDir);
  const context: PodsContext = {
    ...options,
    files,
    view: new RuntimeView(runtime, (state, sandbox) => {
      const uid = sandbox?.uid ?? '';
      const name = sandbox?.name ?? state.labels[POD_NAME] ?? '';
      const namespace = sandbox?.namespace ?? state.labels[POD_NAMESPACE] ?? '';
      return files.terminationMessage({ uid, name, namespace }, state);
    }),
    events: new EventRecorder(options),
    reporter: new StatusReporter(options, signal),
    starts: new Gate(STARTS),
    probes: new ProbeRunner(runtime),
    ticks: new Ticks(clock),
    othersThan: (pod) => unended().filter(({ metadata }) => metadata.uid !== pod.metadata.uid),
  };
  const workers = new Map<string, PodWorker>();
  const running = new Set<Promise<void>>();
  let swept = false;

  const work = (uid: string, pod: Pod, recovered: boolean): PodWorker => {
    const worker = new PodWorker(context, pod, recovered);
    workers.set(uid, worker);
    const run = worker
      .run(signal)
      .catch((err: unknown) => log.error('pod worker ended', { pod: pod.metadata.name, err }))
      .finally(() => {
        workers.delete(uid);
        running.delete(run);
        // Its successor of the same file has waited for it.
        if (isStatic(pod)) wishes();
      });
    running.add(run);
    return worker;
  };

  /** Whether an earlier pod of the same name has not gone yet: two of one file would be in each other's way. */
  const goesOn = ({ metadata: { namespace, name } }: Pod): boolean =>
    [...workers.values()].some(
      ({ pod: { metadata } }) => metadata.name === name && metadata.namespace === namespace,
    );
  const hasEnded = (pod: Pod): boolean => {
    const phase = (context.reporter.current(pod.metadata.uid ?? '') ?? pod.status)?.phase;
    return phase === 'Failed' || phase === 'Succeeded';
  };
  const withStatus = (pod: Pod): Pod => {
    const status = context.reporter.current(pod.metadata.uid ?? '');
    return status ? { ...pod, status } : pod;
  };
  /** Pods that take room on the board, with what they were granted of it. */
  const unended = (): Pod[] =>
    [...workers.values()]
      .filter(({ pod }) => !hasEnded(pod))
      .map(({ pod }) => asGranted(pod, context.reporter.current(pod.metadata.uid ?? '') ?? pod.status));

  /** Compares wishes, workers and runtime; cheap where nothing differs. */
  const reconcile = async (): Promise<void> => {
    const listing = await context.view.list();
    const wanted = new Map(desired.pods().map((pod) => [pod.metadata.uid ?? '', pod]));
    for (const [uid, pod] of byAge(wanted)) {
      const worker = workers.get(uid);
      if (worker) worker.update(pod);
      else if (listing.has(uid)) work(uid, pod, true);
      else if (isStatic(pod) && goesOn(pod)) continue;
      else {
        const room = {
          others: unended(),
          allocatable: options.allocatable(),
          pressure: options.pressure(),
          unsafeSysctls: options.unsafeSysctls,
          isShuttingDown: options.isShuttingDown(),
        };
        const rejection = hasEnded(pod) ? undefined : planAdmission(pod, room);
        const fresh = work(uid, pod, false);
        if (rejection) fresh.reject(rejection);
      }
    }
    if (!desired.complete) return;
    for (const [uid, found] of listing) {
      if (!wanted.has(uid) && !workers.has(uid)) work(uid, podOfRuntime(uid, found), true);
    }
    for (const [uid, worker] of workers) if (!wanted.has(uid)) worker.update(undefined);
    if (swept) return;
    // What a power cut left of pods that the runtime has already forgotten.
    swept = true;
    await files.sweepLinks();
    for (const uid of await options.volumes.podsOnDisk()) {
      if (wanted.has(uid) || workers.has(uid)) continue;
      await options.volumes.cleanupVolumes(uid);
      await options.cgroups.remove(uid);
    }
  };

  const wishes = latest(async () => {
    await reconcile().catch((err: unknown) => log.warn('pods not compared', { err }));
  });
  const off = desired.onChange((plural, key) => {
    if (plural === 'pods') wishes();
    if (plural === 'configmaps' || plural === 'secrets') {
      const [namespace, name = ''] = key.split('/');
      for (const worker of workers.values()) {
        if (worker.pod.metadata.namespace === namespace) worker.referenceChanged(plural, name);
      }
    }
  });
  signal.addEventListener('abort', off, { once: true });
  const offConnection = options.cluster.onConnection((connected) => {
    if (connected) for (const worker of workers.values()) worker.reconnected();
  });
  signal.addEventListener('abort', offConnection, { once: true });

  /** Runtime events say that something has moved; which pod is found by looking, the list being cheap. */
  const moved = latest(async () => {
    const before = new Map(seen);
    const listing = await context.view.list().catch(() => undefined);
    if (!listing) return;
    seen.clear();
    for (const [uid, { sandboxes, containers }] of listing) {
      const text = [
        ...sandboxes.map((s) => `${s.id}${s.ready}`),
        ...containers.map((c) => `${c.id}${c.state}`),
      ].join();
      seen.set(uid, text);
      if (before.get(uid) !== text) workers.get(uid)?.wake();
    }
  });
  const seen = new Map<string, string>();

  /** The runtime tells of an end before its own list does: looks again until it agrees. */
  const settled = async (id: string): Promise<void> => {
    for (const waitMs of SETTLE_MS) {
      await clock.sleep(waitMs, signal);
      const listing = await context.view.list();
      const live = [...listing.values()].some(
        ({ sandboxes, containers }) =>
          containers.some((c) => c.id === id && c.state === 'running') ||
          sandboxes.some((s) => s.id === id && s.ready),
      );
      moved();
      if (!live) return;
    }
  };

  const watchRuntime = async (): Promise<void> => {
    let retryMs = FIRST_RETRY_MS;
    while (!signal.aborted) {
      try {
        const events = runtime.events(signal);
        moved();
        for await (const event of events) {
          retryMs = FIRST_RETRY_MS;
          moved();
          if (event.type === 'exited') void settled(event.containerId).catch(() => undefined);
        }
      } catch (err) {
        if (!signal.aborted) log.debug('runtime events ended', { err });
      }
      await clock.sleep(retryMs, signal).catch(() => undefined);
      retryMs = Math.min(LAST_RETRY_MS, retryMs * 2);
      for (const worker of workers.values()) worker.wake();
    }
  };

  const relist = async (): Promise<void> => {
    let first = true;
    while (!signal.aborted) {
      try {
        await reconcile();
        if (!first) moved();
        first = false;
      } catch (err) {
        log.warn('pods not compared', { err });
      }
      await clock.sleep(first ? LAST_RETRY_MS : RELIST_MS, signal).catch(() => undefined);
    }
  };

  const done = Promise.all([watchRuntime(), relist()]).then(async () => {
    while (running.size > 0) await Promise.all(running);
  });
  return {
    evict: (uid, verdict) => {
      if (!verdict.isQuiet) workers.get(uid)?.tell('Warning', verdict.reason, verdict.message);
      workers.get(uid)?.evict(verdict);
    },
    list: () => [...workers.values()].map((worker) => worker.pod),
    isTold: (uid) => context.reporter.isFlushed(uid),
    resend: (uid) => context.reporter.resend(uid),
    active: () => unended().map(withStatus),
    withStatus: () => [...workers.values()].map(({ pod }) => withStatus(pod)),
    wake: () => {
      for (const worker of workers.values()) worker.wake();
    },
    events: context.events,
    done,
  };
}

/** The oldest first: of two that do not fit beside each other it is the one that stays. */
const byAge = (pods: ReadonlyMap<string, Pod>): [string, Pod][] =>
  [...pods].sort(([, a], [, b]) =>
    (a.metadata.creationTimestamp ?? '') < (b.metadata.creationTimestamp ?? '') ? -1 : 1,
  );

/** Calls that come while one is running become one more call after it. */
function latest(work: () => Promise<void>): () => void {
  let running = false;
  let again = false;
  const go = async (): Promise<void> => {
    if (running) {
      again = true;
      return;
    }
    running = true;
    do {
      again = false;
      await work();
    } while (again);
    running = false;
  };
  return () => void go();
}
