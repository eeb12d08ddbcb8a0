/** What pods need of the rest of the agent: narrow, so that units can stand in for it. */
import type { GivenDevices } from '#agent/devices/devices.ts';
import type { EnsureImageResult, ImageEvent, WantedImage } from '#agent/images/images.ts';
import type { CgroupUsage } from '#agent/runtime/cgroup/cgroups.ts';
import type { PodFacts } from '#agent/volumes/facts.ts';
import type { PreparedVolume } from '#agent/volumes/volume.ts';
import type { Container, EphemeralContainer, Pod } from '#proto/schema/generated/core-v1.ts';

/** `agent/volumes/volumes.ts` in the program. */
export interface PodVolumes {
  /** Gives up, with the signal's reason, where the pod is to end. */
  prepareVolumes(
    pod: Pod,
    facts: PodFacts,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, PreparedVolume>>;
  refreshVolumes(pod: Pod, facts: PodFacts): Promise<void>;
  prepareSubPath(
    pod: Pod,
    container: string,
    index: number,
    volume: { readonly name: string; readonly path: string },
    subPath: string,
  ): Promise<string>;
  cleanupVolumes(uid: string): Promise<void>;
  podsOnDisk(): Promise<readonly string[]>;
}

export interface PodCgroups {
  /** Makes the pod's cgroup with its limits; gives the path below the cgroup root. */
  ensure(pod: Pod): Promise<string>;
  /** By the runtime's id of the container; undefined where it does not run. */
  containerUsage(pod: Pod, containerId: string): Promise<CgroupUsage | undefined>;
  /** Idempotent; knows the pod by its uid alone. */
  remove(uid: string): Promise<void>;
}

/** `agent/devices/devices.ts` in the program. */
export interface PodDevices {
  /** For the next run of a container. Rejects with an Error whose message is for the container's status. */
  allocate(podUid: string, spec: Container | EphemeralContainer, isInit: boolean): Promise<GivenDevices>;
  release(podUid: string): void;
}

/** `agent/images/images.ts` in the program. */
export interface PodImages {
  ensureImage(pod: Pod, wanted: WantedImage, event: ImageEvent): Promise<EnsureImageResult>;
  forget(podUid: string): void;
}
