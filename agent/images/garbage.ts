import type { DiskSample, NodeSample } from '#agent/node/metrics.ts';
import { type Runtime, RuntimeError } from '#agent/runtime/runtime.ts';
import type { Logger } from '#proto/meta/log.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import {
  bytesToFree,
  type GarbagePolicy,
  type ImageRecords,
  imagesInUse,
  planGarbage,
  recordImages,
  type StoredImage,
  shortfallMessage,
} from './garbage.plan.ts';

/** Between two looks at the images, by the samples of the board. */
const LOOK_MS = 300_000;

export interface ImageGarbageOptions {
  readonly runtime: Pick<Runtime, 'list' | 'listImages' | 'removeImage'>;
  readonly policy: GarbagePolicy;
  /** The Pods that are to run here. */
  pods(): readonly Pod[];
  /** References that are never given up. */
  kept(): readonly string[];
  /** An event about the node. */
  event(type: 'Normal' | 'Warning', reason: string, message: string): void;
  readonly log: Logger;
}

/** Removes images that nobody needs when the disk that they lie on gets full. No timer of its own; remembers as long as it runs. */
export class ImageGarbage {
  readonly #options: ImageGarbageOptions;
  #records: ImageRecords = new Map();
  #lookedMs = Number.NEGATIVE_INFINITY;

  constructor(options: ImageGarbageOptions) {
    this.#options = options;
  }

  /** Looks every five minutes, and collects what a disk beyond the high mark needs. */
  async observe(sample: NodeSample): Promise<void> {
    const now = sample.uptimeSeconds * 1000;
    if (now - this.#lookedMs < LOOK_MS) return;
    this.#lookedMs = now;
    const disk: DiskSample = sample.imageDisk ?? sample.disk;
    const wanted = bytesToFree(disk, this.#options.policy);
    const freed = await this.#collect(wanted, now);
    if (freed < wanted) this.#options.event('Warning', 'FreeDiskSpaceFailed', shortfallMessage(disk, freed));
  }

  /** All that nobody needs: the disk is so full that Pods would have to go. */
  async collectAll(sample: NodeSample): Promise<void> {
    await this.#collect(Number.POSITIVE_INFINITY, sample.uptimeSeconds * 1000);
  }

  async #collect(bytes: number, now: number): Promise<number> {
    const { runtime, pods, kept, policy, log } = this.#options;
    const [images, { containers }] = await Promise.all([runtime.listImages(), runtime.list()]);
    const ofContainers = new Set(containers.map(({ imageRef }) => imageRef));
    const inUse = imagesInUse({ images, ofContainers, pods: pods(), kept: kept() });
    this.#records = recordImages(this.#records, images, inUse, now);
    let freed = 0;
    for (const image of planGarbage({ images, inUse, records: this.#records, policy, now, bytes })) {
      if (!(await this.#remove(image))) continue;
      freed += image.sizeBytes;
      log.info('unused image removed', { image: image.tags[0] ?? image.id, bytes: image.sizeBytes });
    }
    return freed;
  }

  async #remove({ id }: StoredImage): Promise<boolean> {
    try {
      await this.#options.runtime.removeImage(id);
      return true;
    } catch (err) {
      if (!(err instanceof RuntimeError)) throw err;
      this.#options.log.warn('unused image not removed', { image: id, err });
      return false;
    }
  }
}
