/**
 * Which images the board can do without, and which of them have to go. Pure. Rule: the kubelet's image garbage collection; beside
 * what containers use, also what any Pod of this board names is kept: a board that is cut off could not get it again.
 */
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import { parseImage } from './pull.plan.ts';

/** Of an image on the board, what this has to know. */
export interface StoredImage {
  readonly id: string;
  readonly tags: readonly string[];
  readonly digests: readonly string[];
  readonly sizeBytes: number;
  readonly pinned: boolean;
}

export interface ImageRecord {
  /** Milliseconds of a clock that only goes forward. */
  readonly firstSeenMs: number;
  /** Equal to {@link firstSeenMs} while it was never seen in use. */
  readonly lastUsedMs: number;
}

export type ImageRecords = ReadonlyMap<string, ImageRecord>;

export interface ImageUse {
  readonly images: readonly StoredImage[];
  /** Ids of the images of all containers, dead ones too. */
  readonly ofContainers: ReadonlySet<string>;
  /** The Pods that are to run here. */
  readonly pods: readonly Pod[];
  /** References that are never given up: the sandbox image, and what came from an archive. */
  readonly kept: readonly string[];
}

/** By id: what may not go. */
export function imagesInUse({ images, ofContainers, pods, kept }: ImageUse): ReadonlySet<string> {
  const named = new Set(
    [...kept, ...pods.flatMap(imagesOf)].map((image) => parseImage(image)?.text ?? image),
  );
  return new Set(
    images
      .filter(
        ({ id, tags, digests, pinned }) =>
          pinned || [id, ...tags, ...digests].some((name) => named.has(name) || ofContainers.has(name)),
      )
      .map(({ id }) => id),
  );
}

/** Every image that a Pod names: of containers of all sorts, and of volumes. */
function imagesOf({ spec }: Pod): string[] {
  const containers = [
    ...(spec.initContainers ?? []),
    ...spec.containers,
    ...(spec.ephemeralContainers ?? []),
  ];
  return [
    ...containers.map(({ image }) => image),
    ...(spec.volumes ?? []).map(({ image }) => image?.reference),
  ].filter((image): image is string => image !== undefined && image !== '');
}

/** What is known of each image from now on. */
export function recordImages(
  records: ImageRecords,
  images: readonly StoredImage[],
  inUse: ReadonlySet<string>,
  now: number,
): ImageRecords {
  return new Map(
    images.map(({ id }) => {
      const { firstSeenMs = now, lastUsedMs = now } = records.get(id) ?? {};
      return [id, { firstSeenMs, lastUsedMs: inUse.has(id) ? now : lastUsedMs }];
    }),
  );
}

export interface GarbagePolicy {
  /** Percent of the disk: at the first collection begins, down to the second. */
  readonly highPercent: number;
  readonly lowPercent: number;
  readonly minAgeMs: number;
}

export interface GarbageInput {
  readonly images: readonly StoredImage[];
  readonly inUse: ReadonlySet<string>;
  readonly records: ImageRecords;
  readonly policy: GarbagePolicy;
  readonly now: number;
  /** How many bytes should come free; `Infinity` for all that can. */
  readonly bytes: number;
}

/** Those to be removed, the longest unused first. */
export function planGarbage({
  images,
  inUse,
  records,
  policy,
  now,
  bytes,
}: GarbageInput): readonly StoredImage[] {
  const record = ({ id }: StoredImage): ImageRecord =>
    records.get(id) ?? { firstSeenMs: now, lastUsedMs: now };
  const unused = images
    .filter((image) => !inUse.has(image.id) && now - record(image).firstSeenMs >= policy.minAgeMs)
    .sort(
      (a, b) => record(a).lastUsedMs - record(b).lastUsedMs || record(a).firstSeenMs - record(b).firstSeenMs,
    );
  let left = bytes;
  return unused.filter(({ sizeBytes }) => {
    if (left <= 0) return false;
    left -= sizeBytes;
    return true;
  });
}

/** Bytes to free on a disk that is fuller than the policy allows; 0 where it is not. */
export function bytesToFree(
  disk: { readonly totalBytes: number; readonly availableBytes: number },
  { highPercent, lowPercent }: GarbagePolicy,
): number {
  if (disk.totalBytes === 0 || usedPercent(disk) < highPercent) return 0;
  return Math.max(0, Math.floor((disk.totalBytes * (100 - lowPercent)) / 100) - disk.availableBytes);
}

const usedPercent = (disk: { readonly totalBytes: number; readonly availableBytes: number }): number =>
  100 - Math.floor((disk.availableBytes * 100) / disk.totalBytes);

/** Why not enough came free, in upstream's words. */
export function shortfallMessage(
  disk: { readonly totalBytes: number; readonly availableBytes: number },
  freedBytes: number,
): string {
  return (
    `Insufficient free disk space on the node's image filesystem (${usedPercent(disk)}% of ${sizeText(disk.totalBytes)} used). ` +
    `Failed to free sufficient space by deleting unused images (freed ${freedBytes} bytes). ` +
    'Investigate disk usage, as it could be used by active images, logs, volumes, or other data.'
  );
}

function sizeText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, bytes)) / 10)));
  return `${power === 0 ? bytes : (bytes / 1024 ** power).toFixed(1)} ${units[power]}`;
}
