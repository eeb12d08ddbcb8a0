import type { Cluster, DesiredState } from '#agent/link/cluster.ts';
import type { Clock } from '#proto/meta/clock.ts';
import type { Pod, Volume } from '#proto/schema/generated/core-v1.ts';
import type { PodFacts } from './facts.ts';
import type { ImageMounts } from './image.ts';
import type { Mounter } from './mounter.ts';

/** What every volume type works with. */
export interface VolumeHost {
  readonly state: DesiredState;
  readonly cluster: Cluster;
  readonly clock: Clock;
  readonly mounter: Mounter;
  readonly images: ImageMounts;
}

export interface VolumeRequest {
  readonly pod: Pod;
  readonly volume: Volume;
  readonly facts: PodFacts;
  /** `<dataDir>/pods/<uid>`: on the card. */
  readonly podDir: string;
  /** Where this volume's files go, by type: on the card, or in memory for secrets. */
  readonly directory: string;
  /** The Pod is to end: whatever may take long gives up, with the signal's reason. */
  readonly signal: AbortSignal;
}

/** A volume that is ready for containers. */
export interface PreparedVolume {
  /** On the board: a folder, a file, or a device. */
  readonly path: string;
  /** No container writes to it, whatever its mount says. */
  readonly readOnly?: boolean;
  /** A device, for `volumeDevices`. */
  readonly isBlock?: boolean;
}

/** One type of volume. */
export interface VolumePlugin {
  /** As in the folder `kubernetes.io~<name>`. */
  readonly name: string;
  /** True for what the board can write again at any time, and for secrets: it spares the card. */
  readonly inMemory: boolean;
  supports(volume: Volume): boolean;
  /** Idempotent. Resolves to what containers mount: a path alone where there is no more to say. */
  setUp(request: VolumeRequest): Promise<string | PreparedVolume>;
  /** Brings the files of a running pod up to date; absent where nothing of a volume follows the cluster. */
  refresh?(request: VolumeRequest): Promise<void>;
}

/** The message is upstream's, without the `MountVolume.SetUp failed` around it. */
export class VolumeError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'VolumeError';
  }
}
