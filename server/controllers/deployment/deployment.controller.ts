import { deployments } from '#proto/api/apps/deployments.ts';
import { replicasets } from '#proto/api/apps/replicasets.ts';
import { pods } from '#proto/api/core/pods.ts';
import { keyOf, parseKey } from '#proto/meta/object.ts';
import { isAlreadyExists, isNotFound } from '#proto/meta/status-error.ts';
import type { Deployment, DeploymentStatus, ReplicaSet } from '#proto/schema/generated/apps-v1.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import type { EventRecorder } from '#server/client/events.ts';
import type { Informer } from '#server/client/informer.ts';
import { indexByController, indexByNamespace } from '#server/client/object-cache.ts';
import type { Outcome, WorkQueue } from '#server/client/work-queue.ts';
import { applyClaims } from '#server/controllers/claim.ts';
import type { Controller, ControllerContext } from '#server/controllers/context.ts';
import { createQueue } from '#server/controllers/context.ts';
import {
  createReplicaSetFailed,
  scaledReplicaSet,
  selectingAll,
} from '#server/controllers/deployment/deployment.events.ts';
import type { DeploymentAction } from '#server/controllers/deployment/deployment.plan.ts';
import { planDeployment } from '#server/controllers/deployment/deployment.plan.ts';
import { equalTemplates, REVISION } from '#server/controllers/deployment/revision.plan.ts';
import { replicasOf } from '#server/controllers/deployment/rolling.plan.ts';
import { planRolloutStatus } from '#server/controllers/deployment/status.plan.ts';
import { equalJson } from '#server/controllers/json.ts';
import { matchesSelector, selectsEverything } from '#server/controllers/label-selector.ts';
import {
  controllerOf,
  controllerReference,
  indexOrphans,
  planClaims,
} from '#server/controllers/ownership.ts';

/** How long a write may take to show in the cache. */
const SEEN_WITHIN_MS = 10_000;

interface Written {
  readonly revision: number;
  readonly atMs: number;
}

/** Rolls a Deployment's template out over ReplicaSets. Reads ReplicaSets and Pods, writes ReplicaSets and status. */
class DeploymentController implements Controller {
  readonly #context: ControllerContext;
  readonly #deployments: Informer<Deployment>;
  readonly #replicaSets: Informer<ReplicaSet>;
  readonly #pods: Informer<Pod>;
  readonly #events: EventRecorder;
  readonly #queue: WorkQueue;
  /** ReplicaSets of a Deployment that were written, with their revisions: a round waits until the cache shows them. */
  readonly #written = new Map<string, Map<string, Written>>();

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#events = context.recorderFor('deployment-controller');
    this.#queue = createQueue(context, 'deployments', (key) => this.#reconcile(key), 4);
    this.#deployments = context.informers.for(deployments);
    this.#deployments.addIndex('namespace', indexByNamespace);
    this.#replicaSets = context.informers.for(replicasets);
    this.#replicaSets.addIndex('controller', indexByController);
    this.#replicaSets.addIndex('orphans', indexOrphans);
    this.#pods = context.informers.for(pods);
    this.#pods.addIndex('controller', indexByController);
    this.#deployments.onChange((_type, object) => this.#queue.add(keyOf(object)));
    this.#replicaSets.onChange((type, rs, old) => this.#observeReplicaSet(type, rs, old));
    this.#pods.onChange((type, pod) => this.#observePod(type, pod));
  }

  start(signal: AbortSignal): void {
    this.#queue.start(signal);
  }

  #observeReplicaSet(type: string, rs: ReplicaSet, old: ReplicaSet | undefined): void {
    for (const one of [rs, old]) {
      const owner = one && controllerOf(one);
      if (owner?.kind === 'Deployment') this.#queue.add(`${rs.metadata.namespace}/${owner.name}`);
    }
    if (type === 'DELETED' || controllerOf(rs)) return;
    for (const deployment of this.#deployments.byIndex('namespace', rs.metadata.namespace ?? '')) {
      if (matchesSelector(deployment.spec.selector, rs.metadata.labels)) this.#queue.add(keyOf(deployment));
    }
  }

  /** Recreate waits for the last old pod to go. */
  #observePod(type: string, pod: Pod): void {
    const ended = type === 'DELETED' || pod.status?.phase === 'Failed' || pod.status?.phase === 'Succeeded';
    const owner = ended ? controllerOf(pod) : undefined;
    if (owner?.kind !== 'ReplicaSet') return;
    const rs = this.#replicaSets.get(`${pod.metadata.namespace}/${owner.name}`);
    const parent = rs && controllerOf(rs);
    if (!parent) return;
    const key = `${pod.metadata.namespace}/${parent.name}`;
    if (this.#deployments.get(key)?.spec.strategy?.type === 'Recreate') this.#queue.add(key);
  }

  async #reconcile(key: string): Promise<Outcome> {
    const deployment = this.#deployments.get(key);
    if (!deployment) {
      this.#written.delete(key);
      return undefined;
    }
    if (this.#isBehind(key)) return { requeueAfterMs: SEEN_WITHIN_MS };
    if (selectsEverything(deployment.spec.selector)) {
      this.#events.event(deployment, selectingAll);
      return this.#writeStatus(deployment, {
        ...deployment.status,
        observedGeneration: deployment.metadata.generation,
      });
    }
    const replicaSets = await this.#claim(deployment);
    const { clock } = this.#context;
    const plan = planDeployment({
      deployment,
      replicaSets,
      podsOf: (uid) => this.#pods.byIndex('controller', uid),
      now: clock.now(),
    });
    for (const action of plan.actions) {
      const done = await this.#apply(deployment, replicaSets, action);
      if (!done) return undefined;
    }
    await this.#writeStatus(deployment, plan.status);
    return plan.requeueAfterMs === undefined ? undefined : { requeueAfterMs: plan.requeueAfterMs };
  }

  /** Sizes are decided on all ReplicaSets together: one that is out of date would let two of them grow. */
  #isBehind(key: string): boolean {
    const written = this.#written.get(key);
    const now = this.#context.clock.now();
    for (const [name, { revision, atMs }] of written ?? []) {
      const cached = this.#replicaSets.get(`${parseKey(key).namespace}/${name}`);
      const seen = Number(cached?.metadata.resourceVersion ?? 0) >= revision;
      // One that has gone meanwhile does not come back.
      if (!seen && now - atMs < SEEN_WITHIN_MS) return true;
    }
    this.#written.delete(key);
    return false;
  }

  #remember(deployment: Deployment, { metadata }: ReplicaSet): void {
    const key = keyOf(deployment);
    const written = this.#written.get(key) ?? new Map<string, Written>();
    this.#written.set(key, written);
    const revision = Number(metadata.resourceVersion);
    written.set(metadata.name ?? '', { revision, atMs: this.#context.clock.now() });
  }

  async #claim(deployment: Deployment): Promise<ReplicaSet[]> {
    const { uid = '', namespace = '' } = deployment.metadata;
    const candidates = [
      ...this.#replicaSets.byIndex('controller', uid),
      ...this.#replicaSets.byIndex('orphans', namespace),
    ];
    return applyClaims({
      client: this.#context.client,
      ownerResource: deployments,
      owner: deployment,
      reference: controllerReference(deployment, deployments),
      resource: replicasets,
      claims: planClaims(deployment, candidates, (rs) =>
        matchesSelector(deployment.spec.selector, rs.metadata.labels),
      ),
    });
  }

  /** False: the round ends here, and a change under way brings the next. */
  async #apply(
    deployment: Deployment,
    replicaSets: readonly ReplicaSet[],
    action: DeploymentAction,
  ): Promise<boolean> {
    const { client } = this.#context;
    switch (action.type) {
      case 'createReplicaSet':
        return this.#create(deployment, replicaSets, action.replicaSet);
      case 'updateReplicaSet': {
        const { replicaSet, from } = action;
        this.#remember(deployment, await client.update(replicasets, replicaSet));
        const to = replicasOf(replicaSet);
        if (to !== from) {
          this.#events.event(deployment, scaledReplicaSet(replicaSet.metadata.name ?? '', from, to));
        }
        return true;
      }
      case 'deleteReplicaSet': {
        const { namespace, name = '', uid } = action.replicaSet.metadata;
        try {
          await client.delete(
            replicasets,
            { namespace, name },
            { propagationPolicy: 'Background', ...(uid ? { preconditions: { uid } } : {}) },
          );
        } catch (err) {
          if (!isNotFound(err)) throw err;
        }
        return true;
      }
      case 'setRevision': {
        const { namespace, name = '' } = deployment.metadata;
        await client.patch(deployments, { namespace, name }, 'merge', {
          metadata: { annotations: { [REVISION]: action.revision } },
        });
        return true;
      }
    }
  }

  async #create(
    deployment: Deployment,
    replicaSets: readonly ReplicaSet[],
    replicaSet: ReplicaSet,
  ): Promise<boolean> {
    const { client, clock } = this.#context;
    const { namespace, name = '' } = replicaSet.metadata;
    try {
      this.#remember(deployment, await client.create(replicasets, replicaSet));
      const size = replicasOf(replicaSet);
      if (size > 0) this.#events.event(deployment, scaledReplicaSet(name, 0, size));
      return true;
    } catch (err) {
      if (isAlreadyExists(err)) {
        const there = await client.get(replicasets, { namespace, name });
        // Ours: the cache has not seen it yet. Another one: the hash is taken, so try the next.
        const ours =
          controllerOf(there)?.uid === deployment.metadata.uid &&
          equalTemplates(there.spec.template, deployment.spec.template);
        if (ours) return false;
        const collisionCount = (deployment.status?.collisionCount ?? 0) + 1;
        await this.#writeStatus(deployment, { ...deployment.status, collisionCount });
        return false;
      }
      const message = err instanceof Error ? err.message : String(err);
      this.#events.event(deployment, createReplicaSetFailed(name, message));
      const note = { type: 'createFailed', replicaSet: name, message } as const;
      const status = planRolloutStatus(deployment, undefined, replicaSets, note, clock.now());
      await this.#writeStatus(deployment, status);
      throw err;
    }
  }

  /** By patch, not by update: the revision annotation may have been written a moment ago. */
  async #writeStatus(deployment: Deployment, status: DeploymentStatus): Promise<void> {
    if (equalJson(status, deployment.status)) return;
    const { namespace, name = '', uid } = deployment.metadata;
    const gone = Object.keys(deployment.status ?? {}).filter((field) => !(field in status));
    await this.#context.client.patch(
      deployments,
      { namespace, name },
      'merge',
      { metadata: { uid }, status: { ...status, ...Object.fromEntries(gone.map((field) => [field, null])) } },
      { subresource: 'status' },
    );
  }
}

export const createDeploymentController = (context: ControllerContext): Controller =>
  new DeploymentController(context);
