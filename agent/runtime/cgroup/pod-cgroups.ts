import type { PodCgroups } from '#agent/pod/ports.ts';
import { cgroupOf, qosClass } from '#agent/pod/qos.plan.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import type { CgroupDetails, CgroupLimits, Cgroups, CgroupUsage } from './cgroups.ts';
import { classLimits, podLimits } from './pod-resources.plan.ts';

/** Where pods may lie: guaranteed ones directly, the others by their class. */
const ALL = '/kubepods';
const PARENTS = [ALL, '/kubepods/burstable', '/kubepods/besteffort'];
/** Those that have a cgroup around all their pods. */
const CLASSES = ['Burstable', 'BestEffort'] as const;

/**
 * A cgroup around each pod: the runtime makes those of containers in it, and never removes it. The ones around classes have what
 * their Pods ask for together: nobody asks for less by being one of many.
 */
export class PodCgroupTree implements PodCgroups {
  readonly #cgroups: Cgroups;
  readonly #pods: () => readonly Pod[];
  /** One after the other: each takes the Pods as they are then. */
  #classes: Promise<void> = Promise.resolve();
  /** CPU shares that a class was given by this process. */
  readonly #given = new Map<string, number>();

  /** `pods`: all that are here. */
  constructor(cgroups: Cgroups, pods: () => readonly Pod[]) {
    this.#cgroups = cgroups;
    this.#pods = pods;
  }

  async ensure(pod: Pod): Promise<string> {
    const path = cgroupOf(pod);
    await this.#cgroups.apply(path, podLimits(pod));
    await this.#weighClasses((all) => [
      ...all.filter(({ metadata }) => metadata.uid !== pod.metadata.uid),
      pod,
    ]);
    return path;
  }

  /** What all Pods together may use. Rejects where they use more of it already. */
  async limitAll(limits: CgroupLimits): Promise<void> {
    await this.#cgroups.apply(ALL, limits);
  }

  async remove(uid: string): Promise<void> {
    for (const parent of PARENTS) await this.#cgroups.remove(`${parent}/pod${uid}`);
    await this.#weighClasses((all) => all.filter(({ metadata }) => metadata.uid !== uid));
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

  #weighClasses(amend: (pods: readonly Pod[]) => readonly Pod[]): Promise<void> {
    const weigh = async (): Promise<void> => {
      const pods = amend(this.#pods());
      for (const name of CLASSES) {
        const limits = classLimits(pods.filter((pod) => qosClass(pod) === name));
        const path = `${ALL}/${name.toLowerCase()}`;
        if (this.#given.get(path) === limits.cpuShares) continue;
        await this.#cgroups.apply(path, limits);
        this.#given.set(path, limits.cpuShares);
      }
    };
    // Whoever called before hears of its own failure; this one tries on its own.
    this.#classes = this.#classes.catch(() => {}).then(weigh);
    return this.#classes;
  }
}
