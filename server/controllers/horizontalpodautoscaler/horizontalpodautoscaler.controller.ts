import { horizontalpodautoscalers } from '#proto/api/autoscaling/horizontalpodautoscalers.ts';
import { pods } from '#proto/api/core/pods.ts';
import { podmetrics } from '#proto/api/metrics/podmetrics.ts';
import type { Resource } from '#proto/api/resource.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import { keyOf, parseKey } from '#proto/meta/object.ts';
import { matchesLabels, type Selector } from '#proto/meta/selector.ts';
import { parseLabelSelector } from '#proto/meta/selector-parser.ts';
import { isConflict, isNotFound } from '#proto/meta/status-error.ts';
import type { Scale } from '#proto/schema/generated/autoscaling-v1.ts';
import type {
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerStatus,
} from '#proto/schema/generated/autoscaling-v2.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import type { PodMetrics } from '#proto/schema/generated/metrics-v1beta1.ts';
import type { EventRecorder } from '#server/client/events.ts';
import type { Informer } from '#server/client/informer.ts';
import { indexByNamespace } from '#server/client/object-cache.ts';
import type { Outcome, WorkQueue } from '#server/client/work-queue.ts';
import type { Controller, ControllerContext } from '#server/controllers/context.ts';
import { createQueue } from '#server/controllers/context.ts';
import {
  afterRescale,
  planAutoscale,
  type SelectorProblem,
  withoutScale,
} from '#server/controllers/horizontalpodautoscaler/autoscale.plan.ts';
import {
  type History,
  NO_HISTORY,
  withChange,
} from '#server/controllers/horizontalpodautoscaler/behavior.plan.ts';
import {
  rescaled,
  rescaleFailed,
  warning,
} from '#server/controllers/horizontalpodautoscaler/horizontalpodautoscaler.events.ts';
import { equalJson } from '#server/controllers/json.ts';

/** Upstream's `--horizontal-pod-autoscaler-sync-period`. */
const PERIOD_MS = 15_000;
/** Somebody else changed the target meanwhile: so often is it tried again. */
const RETRIES = 5;

const said = (err: unknown): string => (err instanceof Error ? err.message : String(err));

/**
 * Sets the size of what HorizontalPodAutoscalers point at. Reads Pods, their metrics and scales of any kind; writes
 * scales and status. Metrics tell nobody when they change, so each autoscaler is looked at every 15 s; without
 * autoscalers nothing runs.
 */
class HorizontalPodAutoscalerController implements Controller {
  readonly #context: ControllerContext;
  readonly #resources: () => readonly Resource[];
  readonly #hpas: Informer<HorizontalPodAutoscaler>;
  readonly #pods: Informer<Pod>;
  readonly #events: EventRecorder;
  readonly #queue: WorkQueue;
  readonly #histories = new Map<string, History>();
  /** The target's selector, as it was read last, by autoscaler: two must not pull at the same Pods. */
  readonly #selectors = new Map<string, Selector>();

  constructor(context: ControllerContext, resources: () => readonly Resource[]) {
    this.#context = context;
    this.#resources = resources;
    this.#events = context.recorderFor('horizontal-pod-autoscaler');
    this.#queue = createQueue(context, 'horizontalpodautoscalers', (key) => this.#reconcile(key));
    this.#hpas = context.informers.for(horizontalpodautoscalers);
    this.#pods = context.informers.for(pods);
    this.#pods.addIndex('namespace', indexByNamespace);
    this.#hpas.onChange((_type, hpa, old) => {
      if (!old || old.metadata.uid !== hpa.metadata.uid) this.#forget(keyOf(hpa));
      // Of its own writes of status it need not hear.
      if (!equalJson(hpa.spec, old?.spec)) this.#queue.add(keyOf(hpa));
    });
  }

  start(signal: AbortSignal): void {
    this.#queue.start(signal);
  }

  #forget(key: string): void {
    this.#histories.delete(key);
    this.#selectors.delete(key);
  }

  async #reconcile(key: string): Promise<Outcome> {
    const hpa = this.#hpas.get(key);
    if (!hpa) return this.#forget(key);
    await this.#autoscale(key, hpa);
    return { requeueAfterMs: PERIOD_MS };
  }

  async #autoscale(key: string, hpa: HorizontalPodAutoscaler): Promise<void> {
    const { clock } = this.#context;
    const found = await this.#findScale(hpa);
    if ('error' in found) {
      this.#events.event(hpa, warning('FailedGetScale', found.error));
      return this.#writeStatus(hpa, withoutScale(hpa, found.error, clock.now()));
    }
    const { scale, resource } = found;
    const selected = this.#select(key, hpa, scale);
    const plan = planAutoscale({
      hpa,
      scale,
      selectorProblem: selected.problem,
      pods: selected.pods,
      metrics: await this.#metricsOf(hpa, scale),
      history: this.#histories.get(key) ?? NO_HISTORY,
      now: clock.now(),
    });
    this.#histories.set(key, plan.history);
    for (const words of plan.events) this.#events.event(hpa, words);
    if (!plan.rescale) return this.#writeStatus(hpa, plan.status);
    const { replicas, reason } = plan.rescale;
    try {
      await this.#setScale(resource, scale, replicas);
    } catch (err) {
      this.#events.event(hpa, rescaleFailed(replicas, reason, said(err)));
      return this.#writeStatus(hpa, afterRescale(hpa, plan.status, { error: said(err) }, clock.now()));
    }
    this.#events.event(hpa, rescaled(replicas, reason));
    const before = scale.spec?.replicas ?? 0;
    const now = clock.now();
    this.#histories.set(key, withChange(plan.history, hpa.spec.behavior, before, replicas, now));
    await this.#writeStatus(hpa, afterRescale(hpa, plan.status, { replicas }, now));
  }

  /** The target's scale, in whichever version its kind is served. */
  async #findScale(
    hpa: HorizontalPodAutoscaler,
  ): Promise<{ scale: Scale; resource: Resource } | { error: string }> {
    const { apiVersion = '', kind, name } = hpa.spec.scaleTargetRef;
    const parts = apiVersion.split('/');
    if (parts.length > 2) return { error: `unexpected GroupVersion string: ${apiVersion}` };
    const group = parts.length === 2 ? (parts[0] ?? '') : '';
    const ofKind = this.#resources().filter((one) => one.kind === kind && one.group === group);
    if (ofKind.length === 0) return { error: `no matches for kind "${kind}" in group "${group}"` };
    const resource = ofKind.find((one) => one.subresources?.some((sub) => sub.name === 'scale'));
    if (!resource) return { error: 'the server could not find the requested resource' };
    const where = { namespace: hpa.metadata.namespace, name };
    try {
      const scale: KubeObject = await this.#context.client.get(resource, where, { subresource: 'scale' });
      return { scale: scale as Scale, resource };
    } catch (err) {
      return { error: said(err) };
    }
  }

  #select(
    key: string,
    hpa: HorizontalPodAutoscaler,
    { status }: Scale,
  ): { pods: Pod[]; problem: SelectorProblem | undefined } {
    const text = status?.selector ?? '';
    if (text === '') {
      const message = "the HPA target's scale is missing a selector";
      const error = 'selector is required';
      return { pods: [], problem: { event: 'SelectorRequired', reason: 'InvalidSelector', error, message } };
    }
    let selector: Selector;
    try {
      selector = parseLabelSelector(text);
    } catch (err) {
      const error = `couldn't convert selector into a corresponding internal selector object: ${said(err)}`;
      const reason = 'InvalidSelector';
      return { pods: [], problem: { event: reason, reason, error, message: error } };
    }
    this.#selectors.set(key, selector);
    const { namespace = '' } = hpa.metadata;
    const matching = this.#pods
      .byIndex('namespace', namespace)
      .filter(({ metadata }) => matchesLabels(selector, metadata.labels));
    const rivals = [...this.#selectors]
      .filter(([other, theirs]) => {
        if (parseKey(other).namespace !== namespace) return false;
        return matching.some(({ metadata }) => matchesLabels(theirs, metadata.labels));
      })
      .map(([other]) => `{${parseKey(other).name} ${namespace}}`);
    if (rivals.length < 2) return { pods: matching, problem: undefined };
    const error = `pods by selector ${text} are controlled by multiple HPAs: [${rivals.sort().join(' ')}]`;
    const reason = 'AmbiguousSelector';
    return { pods: matching, problem: { event: reason, reason, error, message: error } };
  }

  async #metricsOf(
    hpa: HorizontalPodAutoscaler,
    { status }: Scale,
  ): Promise<readonly PodMetrics[] | { error: string }> {
    const needed = (hpa.spec.metrics ?? []).some(({ type }) => type.endsWith('Resource'));
    if (!needed || !status?.selector) return [];
    try {
      const options = { namespace: hpa.metadata.namespace, labelSelector: status.selector };
      return (await this.#context.client.list(podmetrics, options)).items;
    } catch (err) {
      return { error: said(err) };
    }
  }

  async #setScale(resource: Resource, first: Scale, replicas: number): Promise<void> {
    const { client } = this.#context;
    let scale: Scale = first;
    for (let attempt = 1; ; attempt += 1) {
      const wanted: KubeObject & Scale = { ...scale, spec: { ...scale.spec, replicas } };
      try {
        await client.update(resource, wanted, { subresource: 'scale' });
        return;
      } catch (err) {
        if (!isConflict(err) || attempt === RETRIES) throw err;
      }
      const { namespace, name = '' } = first.metadata;
      const there: KubeObject = await client.get(resource, { namespace, name }, { subresource: 'scale' });
      scale = there as Scale;
    }
  }

  async #writeStatus(hpa: HorizontalPodAutoscaler, status: HorizontalPodAutoscalerStatus): Promise<void> {
    if (equalJson(status, hpa.status)) return;
    try {
      await this.#context.client.update(
        horizontalpodautoscalers,
        { ...hpa, status },
        { subresource: 'status' },
      );
    } catch (err) {
      if (isNotFound(err)) return;
      if (!isConflict(err)) this.#events.event(hpa, warning('FailedUpdateStatus', said(err)));
      throw err;
    }
  }
}

export const createHorizontalPodAutoscalerController = (
  context: ControllerContext,
  resources: () => readonly Resource[],
): Controller => new HorizontalPodAutoscalerController(context, resources);
