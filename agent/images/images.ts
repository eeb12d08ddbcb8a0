import type { DesiredState } from '#agent/link/cluster.ts';
import { type Image, type ImageAuth, type Runtime, RuntimeError } from '#agent/runtime/runtime.ts';
import type { Clock } from '#proto/meta/clock.ts';
import { goDuration } from '#proto/meta/duration.ts';
import type { Pod, Secret } from '#proto/schema/generated/core-v1.ts';
import {
  type Backoff,
  decidePull,
  type ImageReference,
  isUnreachable,
  nextBackoff,
  parseImage,
  pullPolicyOf,
} from './pull.plan.ts';
import { authsFor } from './pull-secrets.plan.ts';

export type EnsureImageResult =
  | { readonly ok: true; readonly image: Image }
  | {
      readonly ok: false;
      /** Of the container's `waiting` state. */
      readonly reason:
        | 'ErrImagePull'
        | 'ImagePullBackOff'
        | 'ErrImageNeverPull'
        | 'InvalidImageName'
        | 'ImageInspectError';
      readonly message: string;
      /** Before this there is no use in asking again. */
      readonly retryAtMs: number;
    };

/** For the events of the container, in upstream's words. */
export type ImageEvent = (type: 'Normal' | 'Warning', reason: string, message: string) => void;

export interface WantedImage {
  readonly image: string;
  readonly imagePullPolicy?: string | undefined;
  /** The image from which this very container has run before, as the runtime tells it: an id, or a digest. */
  readonly ranFrom?: string | undefined;
}

/**
 * Makes images present. One pull at a time: two would share a board's link, card and memory. A failure is backed
 * off by pod and image, in memory: after a restart of the agent the first try comes at once.
 */
export class Images {
  readonly #runtime: Runtime;
  readonly #state: DesiredState;
  readonly #clock: Clock;
  readonly #backoffs = new Map<string, Backoff & { readonly message: string }>();
  #queue: Promise<unknown> = Promise.resolve();

  constructor(options: { readonly runtime: Runtime; readonly state: DesiredState; readonly clock: Clock }) {
    this.#runtime = options.runtime;
    this.#state = options.state;
    this.#clock = options.clock;
  }

  /** Resolves when the image is there or it is known why not; rejects only when the runtime is away. */
  async ensureImage(pod: Pod, wanted: WantedImage, event: ImageEvent): Promise<EnsureImageResult> {
    const { image } = wanted;
    const reference = parseImage(image);
    const retryAtMs = this.#clock.now() + 10_000;
    if (!reference) {
      const message = `Failed to apply default image tag ${JSON.stringify(image)}: couldn't parse image name ${JSON.stringify(image)}: invalid reference format`;
      event('Warning', 'InspectFailed', message);
      return { ok: false, reason: 'InvalidImageName', message, retryAtMs };
    }
    const policy = pullPolicyOf(image, wanted.imagePullPolicy);
    const present = await this.#inspect(image, event);
    if (present instanceof Error) {
      return { ok: false, reason: 'ImageInspectError', message: present.message, retryAtMs };
    }
    switch (decidePull(policy, present !== undefined)) {
      case 'present':
        break;
      case 'never-pull': {
        const message = `Container image ${JSON.stringify(image)} is not present with pull policy of Never`;
        event('Warning', 'ErrImageNeverPull', message);
        return { ok: false, reason: 'ErrImageNeverPull', message, retryAtMs };
      }
      case 'pull':
        return this.#pullOrMakeDo(pod, reference, wanted, present, event);
    }
    if (!present) throw new Error(`image ${image} vanished from a decision`);
    event('Normal', 'Pulled', `Container image ${JSON.stringify(image)} already present on machine`);
    return { ok: true, image: present };
  }

  /** To be called when a pod is gone. */
  forget(podUid: string): void {
    for (const key of this.#backoffs.keys()) if (key.startsWith(`${podUid}/`)) this.#backoffs.delete(key);
  }

  async #inspect(image: string, event: ImageEvent): Promise<Image | undefined | Error> {
    try {
      return await this.#runtime.imageStatus(image);
    } catch (err) {
      if (!(err instanceof RuntimeError) || err.kind === 'unavailable') throw err;
      const message = `Failed to inspect image ${JSON.stringify(image)}: ${err.message}`;
      event('Warning', 'InspectFailed', message);
      return new Error(message, { cause: err });
    }
  }

  /**
   * `imagePullPolicy: Always` asks the registry at each start. Where it can't be reached, a container that has run from the
   * image that is here runs from it again: a board that was switched off while it was cut off goes on. A registry that
   * answers, with no, is obeyed.
   */
  async #pullOrMakeDo(
    pod: Pod,
    reference: ImageReference,
    { image, ranFrom }: WantedImage,
    present: Image | undefined,
    event: ImageEvent,
  ): Promise<EnsureImageResult> {
    const result = await this.#backOffOrPull(pod, reference, image, event);
    if (result.ok || !present || !ranFrom || !isUnreachable(result.message)) return result;
    if (![present.id, ...present.digests].includes(ranFrom)) return result;
    event(
      'Warning',
      'PulledBefore',
      `No registry in reach: image ${JSON.stringify(image)} is used as it is here`,
    );
    return { ok: true, image: present };
  }

  async #backOffOrPull(
    pod: Pod,
    reference: ImageReference,
    image: string,
    event: ImageEvent,
  ): Promise<EnsureImageResult> {
    const key = `${pod.metadata.uid}/${image}`;
    const backoff = this.#backoffs.get(key);
    if (backoff && backoff.untilMs > this.#clock.now()) {
      const message = `Back-off pulling image ${JSON.stringify(image)}: ${backoff.message}`;
      event('Normal', 'BackOff', `Back-off pulling image ${JSON.stringify(image)}`);
      return { ok: false, reason: 'ImagePullBackOff', message, retryAtMs: backoff.untilMs };
    }
    event('Normal', 'Pulling', `Pulling image ${JSON.stringify(image)}`);
    const askedAt = this.#clock.now();
    try {
      const { found, tookMs } = await this.#inTurn(async () => {
        const startedAt = this.#clock.now();
        const id = await this.#pull(reference, image, this.#secretsOf(pod));
        const found = (await this.#runtime.imageStatus(image)) ?? (await this.#runtime.imageStatus(id));
        if (!found) throw new RuntimeError('other', `image ${id} is gone right after its pull`);
        return { found, tookMs: Math.max(0, this.#clock.now() - startedAt) };
      });
      this.#backoffs.delete(key);
      const waited = goDuration(Math.max(0, this.#clock.now() - askedAt));
      event(
        'Normal',
        'Pulled',
        `Successfully pulled image ${JSON.stringify(image)} in ${goDuration(tookMs)} (${waited} including waiting). Image size: ${found.sizeBytes} bytes.`,
      );
      return { ok: true, image: found };
    } catch (err) {
      if (!(err instanceof RuntimeError) || err.kind === 'unavailable') throw err;
      const failed = { ...nextBackoff(backoff, this.#clock.now()), message: `ErrImagePull: ${err.message}` };
      this.#backoffs.set(key, failed);
      event('Warning', 'Failed', `Failed to pull image ${JSON.stringify(image)}: ${err.message}`);
      event('Warning', 'Failed', 'Error: ErrImagePull');
      // Looked at again at once, which then says ImagePullBackOff, as upstream's next sync does.
      return { ok: false, reason: 'ErrImagePull', message: err.message, retryAtMs: failed.untilMs };
    }
  }

  /** With each credential that fits, and without one if none does. */
  async #pull(reference: ImageReference, image: string, pullSecrets: readonly Secret[]): Promise<string> {
    const auths: (ImageAuth | undefined)[] = [...authsFor(reference, pullSecrets.flatMap(configOf), decode)];
    if (auths.length === 0) auths.push(undefined);
    let last: unknown;
    for (const auth of auths) {
      try {
        return await this.#runtime.pullImage(image, auth);
      } catch (err) {
        if (err instanceof RuntimeError && err.kind === 'unavailable') throw err;
        last = err;
      }
    }
    throw last;
  }

  #secretsOf(pod: Pod): readonly Secret[] {
    return (pod.spec.imagePullSecrets ?? []).flatMap(({ name = '' }) => {
      const secret = this.#state.secret(pod.metadata.namespace ?? '', name);
      return secret ? [secret] : [];
    });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(work);
    this.#queue = turn.catch(() => {});
    return turn;
  }
}

function configOf({ data }: Secret): readonly string[] {
  const text = data?.['.dockerconfigjson'] ?? data?.['.dockercfg'];
  return text === undefined ? [] : [decode(text)];
}

function decode(base64: string): string {
  return Buffer.from(base64, 'base64').toString('utf8');
}
