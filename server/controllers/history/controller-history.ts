import { controllerrevisions } from '#proto/api/apps/controllerrevisions.ts';
import type { Resource } from '#proto/api/resource.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import { isAlreadyExists, isNotFound } from '#proto/meta/status-error.ts';
import type { ControllerRevision } from '#proto/schema/generated/apps-v1.ts';
import type { PodTemplateSpec } from '#proto/schema/generated/core-v1.ts';
import type { LabelSelector } from '#proto/schema/generated/meta-v1.ts';
import type { ApiClient } from '#server/client/client.ts';
import type { Informer } from '#server/client/informer.ts';
import { indexByController } from '#server/client/object-cache.ts';
import { applyClaims } from '#server/controllers/claim.ts';
import type { ControllerContext } from '#server/controllers/context.ts';
import { templateHash } from '#server/controllers/deployment/revision.plan.ts';
import { planHistory, planTruncation, revisionData } from '#server/controllers/history/history.plan.ts';
import { equalJson } from '#server/controllers/json.ts';
import { matchesSelector } from '#server/controllers/label-selector.ts';
import {
  controllerOf,
  controllerReference,
  indexOrphans,
  planClaims,
} from '#server/controllers/ownership.ts';

/** Whatever keeps its templates in ControllerRevisions. */
export type Versioned = KubeObject & {
  readonly spec: {
    readonly template: PodTemplateSpec;
    readonly selector?: LabelSelector | undefined;
    readonly revisionHistoryLimit?: number | undefined;
  };
  readonly status?: { readonly collisionCount?: number | undefined } | undefined;
};

export interface History {
  /** All of the owner's, in no order; the one of the present template among them. */
  readonly revisions: readonly ControllerRevision[];
  /** The one of the present template. */
  readonly update: ControllerRevision;
  /** For the owner's status: how often a name was taken by another template. */
  readonly collisionCount: number | undefined;
}

/** Large, and of no use in the past: a revision is restored by its template. */
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

/**
 * The ControllerRevisions of one kind of owner. `hashLabel` is the label that carries a revision's hash;
 * `enqueue` is told of an owner that lost a revision: it may have been the present one.
 */
export class ControllerHistory<O extends Versioned> {
  readonly #client: ApiClient;
  readonly #resource: Resource<O>;
  readonly #hashLabel: string;
  readonly #revisions: Informer<ControllerRevision>;

  constructor(
    context: ControllerContext,
    resource: Resource<O>,
    hashLabel: string,
    enqueue: (key: string) => void,
  ) {
    this.#client = context.client;
    this.#resource = resource;
    this.#hashLabel = hashLabel;
    this.#revisions = context.informers.for(controllerrevisions);
    this.#revisions.addIndex('controller', indexByController);
    this.#revisions.addIndex('orphans', indexOrphans);
    this.#revisions.onChange((type, revision) => {
      const owner = type === 'DELETED' ? controllerOf(revision) : undefined;
      if (owner?.kind === resource.kind) enqueue(`${revision.metadata.namespace}/${owner.name}`);
    });
  }

  /** Claims what is there and makes, or renumbers, the revision of the present template. */
  async sync(owner: O): Promise<History> {
    const revisions = await this.#claim(owner);
    const collisionCount = owner.status?.collisionCount;
    const plan = planHistory(revisions, owner.spec.template);
    switch (plan.type) {
      case 'keep':
        return { revisions, update: plan.revision, collisionCount };
      case 'renumber': {
        const { namespace, name = '', uid } = plan.revision.metadata;
        const body = { metadata: { uid }, revision: plan.number };
        const update = await this.#client.patch(controllerrevisions, { namespace, name }, 'merge', body);
        return {
          revisions: revisions.map((one) => (one === plan.revision ? update : one)),
          update,
          collisionCount,
        };
      }
      case 'create': {
        const made = await this.#create(owner, plan.number);
        return { ...made, revisions: [...revisions, made.update] };
      }
    }
  }

  /** Deletes what nobody needs beyond the owner's `revisionHistoryLimit`. */
  async truncate(
    owner: O,
    history: History,
    isLive: (revision: ControllerRevision) => boolean,
  ): Promise<void> {
    const limit = owner.spec.revisionHistoryLimit ?? 10;
    for (const { metadata } of planTruncation(history.revisions, isLive, limit)) {
      const { namespace, name = '', uid } = metadata;
      try {
        await this.#client.delete(
          controllerrevisions,
          { namespace, name },
          uid ? { preconditions: { uid } } : {},
        );
      } catch (err) {
        if (!isNotFound(err)) throw err;
      }
    }
  }

  #claim(owner: O): Promise<ControllerRevision[]> {
    const { uid = '', namespace = '' } = owner.metadata;
    const candidates = [
      ...this.#revisions.byIndex('controller', uid),
      ...this.#revisions.byIndex('orphans', namespace),
    ];
    return applyClaims({
      client: this.#client,
      ownerResource: this.#resource,
      owner,
      reference: controllerReference(owner, this.#resource),
      resource: controllerrevisions,
      claims: planClaims(owner, candidates, (one) =>
        matchesSelector(owner.spec.selector, one.metadata.labels),
      ),
    });
  }

  /** A name that is taken by another template is a collision of hashes: the next count gives another name. */
  async #create(owner: O, number: number): Promise<Omit<History, 'revisions'>> {
    for (let collisionCount = owner.status?.collisionCount ?? 0; ; collisionCount += 1) {
      const revision = this.#newRevision(owner, number, collisionCount);
      try {
        const update = await this.#client.create(controllerrevisions, revision);
        return { update, collisionCount: collisionCount || owner.status?.collisionCount };
      } catch (err) {
        if (!isAlreadyExists(err)) throw err;
        const { namespace, name = '' } = revision.metadata;
        const there = await this.#client.get(controllerrevisions, { namespace, name });
        // Ours: the cache has not seen it yet.
        if (controllerOf(there)?.uid === owner.metadata.uid && equalJson(there.data, revision.data))
          return { update: there, collisionCount: collisionCount || owner.status?.collisionCount };
      }
    }
  }

  #newRevision(owner: O, number: number, collisionCount: number): ControllerRevision {
    const { template } = owner.spec;
    const { name = '', namespace, annotations = {} } = owner.metadata;
    const { [LAST_APPLIED]: _applied, ...inherited } = annotations;
    const hash = templateHash(template, collisionCount);
    return {
      metadata: {
        name: `${name.slice(0, 223)}-${hash}`,
        namespace,
        labels: { ...template.metadata?.labels, [this.#hashLabel]: hash },
        annotations: inherited,
        ownerReferences: [controllerReference(owner, this.#resource)],
      },
      data: revisionData(template),
      revision: number,
    };
  }
}
