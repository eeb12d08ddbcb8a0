/** What pods need of the rest of the agent: narrow, so that units can stand in for it. */
import type { Pod, Secret } from '#proto/schema/generated/core-v1.ts';

export interface PodVolumes {
  /**
   * Makes all volumes of the pod present, and what they show up to date. Idempotent. Rejects with the sentence that
   * the user is to read: `MountVolume.SetUp failed for volume "config" : configmap "web" not found`.
   */
  prepare(pod: Pod, podIps: readonly string[]): Promise<void>;
  /** Where a volume of a prepared pod lies on the board. */
  path(pod: Pod, volume: string): string | undefined;
  /** Unmounts and removes whatever the pod has. Idempotent; knows the pod by its uid alone. */
  cleanUp(uid: string): Promise<void>;
}

export interface PodCgroups {
  /** Makes the pod's cgroup with its limits; gives the path below the cgroup root. */
  ensure(pod: Pod): Promise<string>;
  /** Idempotent; knows the pod by its uid alone. */
  remove(uid: string): Promise<void>;
}

export interface Images {
  /** Pulls, with what the secrets know of that registry; gives the image's id. */
  pull(reference: string, pullSecrets: readonly Secret[]): Promise<string>;
}
