/** Puts Pods on the nodes that were chosen for them: their volumes first, then the binding. */
import { pods } from '#proto/api/core/pods.ts';
import { keyOf, parseKey } from '#proto/meta/object.ts';
import { StatusError } from '#proto/meta/status-error.ts';
import type { Binding } from '#proto/schema/generated/core-v1.ts';
import type { Cluster } from './cluster.plan.ts';
import { uidOf } from './node-cache.ts';
import type { PodInfo } from './pod-info.plan.ts';
import type { PodStatusDeps } from './pod-status.ts';
import type { VolumeBinder } from './volume-binder.ts';

export interface Assignment {
  readonly pod: PodInfo;
  readonly nodeName: string;
}

export interface BinderDeps extends PodStatusDeps {
  readonly volumes: VolumeBinder;
  readonly cluster: Cluster;
  /** Ends everything that waits. */
  readonly signal: AbortSignal;
  /** The Pod did not get there. */
  readonly onFailed: (assignment: Assignment, err: unknown) => void;
  /** Bindings have ended: others may begin. */
  readonly onDone: () => void;
}

/** How long a Pod may hold its room while its volumes are made. Upstream's `bindTimeoutSeconds`. */
const VOLUMES_TIMEOUT_MS = 600_000;
const FIRST_WAIT_MS = 500;
const MAX_WAIT_MS = 10_000;

export class Binder {
  readonly #deps: BinderDeps;
  #busy = 0;

  constructor(deps: BinderDeps) {
    this.#deps = deps;
  }

  /** Bindings on their way. Those that wait for volumes are not counted: that can take minutes. */
  get busy(): number {
    return this.#busy;
  }

  /** Pods that go together: none is bound before the volumes of all are. */
  bind(together: readonly Assignment[]): void {
    void this.#bindAll(together);
  }

  async #bindAll(together: readonly Assignment[]): Promise<void> {
    const { volumes, onFailed } = this.#deps;
    if (together.some(({ pod }) => volumes.isNeeded(pod))) {
      try {
        await Promise.all(together.map((one) => this.#bindVolumes(one)));
      } catch (err) {
        for (const one of together) onFailed(one, err);
        return;
      }
    }
    await Promise.all(together.map((one) => this.#bindOne(one)));
  }

  async #bindVolumes({ pod, nodeName }: Assignment): Promise<void> {
    const node = this.#deps.cluster.node(nodeName);
    if (!node) throw new Error(`node ${JSON.stringify(nodeName)} not found`);
    await this.#deps.volumes.bind(
      pod,
      node,
      Math.min(VOLUMES_TIMEOUT_MS, pod.group?.timeoutMs ?? VOLUMES_TIMEOUT_MS),
    );
  }

  async #bindOne(assignment: Assignment): Promise<void> {
    const { client, events, onFailed, onDone } = this.#deps;
    const { pod } = assignment.pod;
    const { nodeName } = assignment;
    const { name, namespace, uid } = pod.metadata;
    const binding: Binding = {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name, namespace, uid },
      target: { apiVersion: 'v1', kind: 'Node', name: nodeName },
    };
    this.#busy++;
    try {
      try {
        await client.post(pods, parseKey(keyOf(pod)), 'binding', binding);
      } catch (err) {
        if (isRefusal(err) || !(await this.#isBound(assignment))) throw err;
      }
      const message = `Successfully assigned ${keyOf(pod)} to ${nodeName}`;
      events.event(pod, { type: 'Normal', reason: 'Scheduled', message });
    } catch (err) {
      onFailed(assignment, err);
    } finally {
      this.#busy--;
      onDone();
    }
  }

  /** Only the answer may have been lost. The room is not given to others before that is known. */
  async #isBound({ pod: { pod, uid } }: Assignment): Promise<boolean> {
    const { client, clock, signal } = this.#deps;
    for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(2 * waitMs, MAX_WAIT_MS)) {
      try {
        const now = await client.get(pods, parseKey(keyOf(pod)));
        return uidOf(now) === uid && !!now.spec.nodeName;
      } catch (err) {
        if (isRefusal(err)) return false;
      }
      await clock.sleep(waitMs, signal);
    }
  }
}

/** The API has said no: nothing was written. */
const isRefusal = (err: unknown): boolean => err instanceof StatusError && err.code >= 400 && err.code < 500;
