import type { PodCgroups } from '#agent/pod/ports.ts';
import { cgroupOf } from '#agent/pod/qos.plan.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import type { CgroupDetails, CgroupLimits, Cgroups, CgroupUsage } from './cgroups.ts';
import { podLimits } from './pod-resources.plan.ts';

/** Where pods may lie: guaranteed ones directly, the others by their class. */
const ALL = '/kubepods';
const PARENTS = [ALL, '/kubepods/burstable', '/kubepods/besteffort'];

/** A cgroup around each pod: the runtime makes those of containers in it, and never removes it. */
export class PodCgroupTree implements PodCgroups {
  readonly #cgroups: Cgroups;

  constructor(cgroups: Cgroups) {
    this.#cgroups = cgroups;
  }

  async ensure(pod: Pod): Promise<string> {
    const path = cgroupOf(pod);
    await this.#cgroups.apply(path, podLimits(pod));
    return path;
  }

  /** What all Pods together may use. Rejects where they use more of it already. */
  async limitAll(limits: CgroupLimits): Promise<void> {
    await this.#cgroups.apply(ALL, limits);
  }

  async remove(uid: string): Promise<void> {
    for (const parent of PARENTS) await this.#cgroups.remove(`${parent}/pod${uid}`);
  }

  /** Pods that have a cgroup, wanted or not: a board may have lost its power in the middle of a clean-up. */
  async uids(): Promise<readonly string[]> {
    const found = new Set<string>();
    for (const parent of PARENTS) {
      for (const name of await this.#cgroups.children(parent))
        if (name.startsWith('pod')) found.add(name.slice(3));
    }
    return [...found];
  }

  podUsage(pod: Pod): Promise<CgroupUsage | undefined> {
    return this.#cgroups.usage(cgroupOf(pod));
  }

  containerProcess(pod: Pod, containerId: string): Promise<number | undefined> {
    return this.#cgroups.firstProcess(`${cgroupOf(pod)}/${containerId}`);
  }

  containerDetails(pod: Pod, containerId: string): Promise<CgroupDetails | undefined> {
    return this.#cgroups.details(`${cgroupOf(pod)}/${containerId}`);
  }

  /** By the runtime's id of the container. */
  containerUsage(pod: Pod, containerId: string): Promise<CgroupUsage | undefined> {
    return this.#cgroups.usage(`${cgroupOf(pod)}/${containerId}`);
  }
}
