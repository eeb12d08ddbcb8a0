import { deployments } from '#proto/api/apps/deployments.ts';
import { replicasets } from '#proto/api/apps/replicasets.ts';
import { statefulsets } from '#proto/api/apps/statefulsets.ts';
import { replicationcontrollers } from '#proto/api/core/replicationcontrollers.ts';
import { apiVersionOf, type Resource } from '#proto/api/resource.ts';
import type { KubeObject } from '#proto/meta/object.ts';
import { isNotFound } from '#proto/meta/status-error.ts';
import type { Scale } from '#proto/schema/generated/autoscaling-v1.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import type { OwnerReference } from '#proto/schema/generated/meta-v1.ts';
import type { Informer } from '#server/client/informer.ts';
import type { ControllerContext } from '#server/controllers/context.ts';
import { controllerOf } from '#server/controllers/ownership.ts';

/** A kind that has replicas, as far as counting them goes. */
type Scalable = KubeObject & { readonly spec: { readonly replicas?: number | undefined } };

interface Scaled {
  readonly uid: string;
  readonly replicas: number;
}

/** How many Pods the controllers of some Pods want. Kinds that are well known come from caches, others by their scale. */
export class ExpectedPods {
  readonly #context: ControllerContext;
  readonly #resources: () => readonly Resource[];
  readonly #known: ReadonlyMap<string, Informer<Scalable>>;

  constructor(context: ControllerContext, resources: () => readonly Resource[]) {
    const { informers } = context;
    this.#context = context;
    this.#resources = resources;
    const all = [
      deployments,
      replicasets,
      statefulsets,
      replicationcontrollers,
    ] as unknown as readonly Resource<Scalable>[];
    this.#known = new Map(all.map((one) => [`${one.group}/${one.kind}`, informers.for(one)]));
  }

  /** Told of a namespace in which a controller came, went, or wants another number. */
  onChange(listener: (namespace: string) => void): void {
    for (const informer of this.#known.values()) {
      informer.onChange((type, { metadata, spec }, old) => {
        if (type !== 'MODIFIED' || spec.replicas !== old?.spec.replicas) listener(metadata.namespace ?? '');
      });
    }
  }

  /** Throws in upstream's words where a controller can't be counted by. */
  async of(pods: readonly Pod[]): Promise<{ readonly expected: number; readonly unmanaged: boolean }> {
    const scales = new Map<string, number>();
    let unmanaged = false;
    for (const pod of pods) {
      const owner = controllerOf(pod);
      if (!owner) unmanaged = true;
      if (!owner || scales.has(owner.uid)) continue;
      const found = await this.#scaleOf(owner, pod.metadata.namespace ?? '');
      if (!found) throw new Error(`found no controllers for pod ${JSON.stringify(pod.metadata.name)}`);
      scales.set(found.uid, found.replicas);
    }
    const expected = [...scales.values()].reduce((sum, replicas) => sum + replicas, 0);
    return { expected, unmanaged };
  }

  /** Whose Pod it is in the end: of a Deployment's ReplicaSet, the Deployment's. */
  async #scaleOf(owner: OwnerReference, namespace: string): Promise<Scaled | undefined> {
    const cached = this.#cached(owner, namespace);
    if (!cached) return this.#byScale(owner, namespace);
    const parent = controllerOf(cached);
    const above = parent?.kind === 'Deployment' ? this.#cached(parent, namespace) : undefined;
    const object = above ?? cached;
    return { uid: object.metadata.uid ?? '', replicas: object.spec.replicas ?? 1 };
  }

  #cached({ apiVersion, kind, name, uid }: OwnerReference, namespace: string): Scalable | undefined {
    const [group = ''] = apiVersion.includes('/') ? apiVersion.split('/') : [''];
    const found = this.#known.get(`${group}/${kind}`)?.get(`${namespace}/${name}`);
    return found?.metadata.uid === uid ? found : undefined;
  }

  async #byScale(
    { apiVersion, kind, name, uid }: OwnerReference,
    namespace: string,
  ): Promise<Scaled | undefined> {
    const resource = this.#resources().find((one) => apiVersionOf(one) === apiVersion && one.kind === kind);
    if (!resource) throw new Error(`no matches for kind "${kind}" in version "${apiVersion}"`);
    if (!resource.subresources?.some((sub) => sub.name === 'scale')) {
      const groupResource = [resource.plural, resource.group].filter((part) => part !== '').join('.');
      throw new Error(`${groupResource} does not implement the scale subresource`);
    }
    try {
      const where = { namespace, name };
      const scale: KubeObject = await this.#context.client.get(resource, where, { subresource: 'scale' });
      if (scale.metadata.uid !== uid) return undefined;
      return { uid, replicas: (scale as Scale).spec?.replicas ?? 0 };
    } catch (err) {
      if (isNotFound(err)) return undefined;
      throw err;
    }
  }
}
