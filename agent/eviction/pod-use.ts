/** What Pods use, measured when somebody has to go, or has a limit on what it may write: never otherwise. */
import { join } from 'node:path';
import { parseUpperFolder } from '#agent/node/proc.plan.ts';
import { readIfThere } from '#agent/node/read-file.ts';
import { runningContainers, type UsageSources } from '#agent/node/running-containers.ts';
import { PodFiles } from '#agent/pod/pod-files.ts';
import type { CgroupUsage } from '#agent/runtime/cgroup/cgroups.ts';
import type { Runtime } from '#agent/runtime/runtime.ts';
import { filesBelow, volumeUsage } from '#agent/volumes/usage.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import type { LocalUse } from './local-storage.plan.ts';
import type { DiskUse, PodUse } from './rank.plan.ts';

export interface PodUseOptions {
  readonly runtime: Pick<Runtime, 'list'>;
  readonly cgroups: UsageSources['cgroups'] & {
    podUsage(pod: Pod): Promise<CgroupUsage | undefined>;
    /** One of its processes; undefined where none is left. */
    containerProcess(pod: Pod, containerId: string): Promise<number | undefined>;
  };
  readonly podsDir: string;
  readonly logsDir: string;
}

const NOTHING: DiskUse = { bytes: 0, inodes: 0 };

export class PodUses {
  readonly #options: PodUseOptions;
  readonly #files: PodFiles;

  constructor(options: PodUseOptions) {
    this.#options = options;
    this.#files = new PodFiles(options.podsDir, options.logsDir);
  }

  /** By uid; a Pod without a cgroup has none. `disk` also walks through what each has written, which takes its time. */
  async measure(pods: readonly Pod[], disk: boolean): Promise<ReadonlyMap<string, PodUse>> {
    const { cgroups } = this.#options;
    const containers = new Map<string, { name: string; memoryBytes: number }[]>();
    for await (const { pod, container, usage } of runningContainers(this.#options, pods)) {
      const uid = pod.metadata.uid ?? '';
      const list = containers.get(uid) ?? [];
      containers.set(uid, list);
      list.push({ name: container.name, memoryBytes: usage.workingSetBytes });
    }
    const written = disk ? await this.written(pods) : new Map<string, LocalUse>();
    const uses = new Map<string, PodUse>();
    for (const pod of pods) {
      const uid = pod.metadata.uid ?? '';
      const whole = await cgroups.podUsage(pod);
      if (!whole) continue;
      const local = written.get(uid);
      uses.set(uid, {
        memoryBytes: whole.workingSetBytes,
        processes: whole.processes,
        disk: local
          ? [...local.volumes.values(), ...local.containers.values()].reduce(add, NOTHING)
          : NOTHING,
        containers: (containers.get(uid) ?? []).map((one) => ({
          ...one,
          disk: local?.containers.get(one.name) ?? NOTHING,
        })),
      });
    }
    return uses;
  }

  /** What each has written to the board's disk, by uid. */
  async written(pods: readonly Pod[]): Promise<ReadonlyMap<string, LocalUse>> {
    const { runtime, podsDir } = this.#options;
    const { sandboxes, containers } = await runtime.list();
    const owner = new Map(sandboxes.map(({ id, uid }) => [id, uid]));
    const all = new Map<string, LocalUse>();
    for (const pod of pods) {
      const { uid = '', namespace = '', name = '' } = pod.metadata;
      const own = containers.filter(({ sandboxId }) => owner.get(sandboxId) === uid);
      const logs = this.#files.logDirectory({ uid, namespace, name });
      const byName = new Map<string, DiskUse>();
      for (const container of new Set(own.map((one) => one.name))) {
        const runs = own.filter((one) => one.name === container && one.state === 'running');
        const layers = await Promise.all(runs.map(({ id }) => this.#layer(pod, id)));
        byName.set(container, [...layers, await filesBelow(join(logs, container))].reduce(add, NOTHING));
      }
      all.set(uid, { volumes: await volumeUsage(join(podsDir, uid)), containers: byName });
    }
    return all;
  }

  /** What a running container has written over its image: the upper folder of its root, of which the kernel knows the path. */
  async #layer(pod: Pod, containerId: string): Promise<DiskUse> {
    const pid = await this.#options.cgroups.containerProcess(pod, containerId);
    const mounts = pid === undefined ? '' : await readIfThere(`/proc/${pid}/mountinfo`);
    const upper = parseUpperFolder(mounts);
    return upper === undefined ? NOTHING : filesBelow(upper);
  }
}

const add = (a: DiskUse, b: DiskUse): DiskUse => ({ bytes: a.bytes + b.bytes, inodes: a.inodes + b.inodes });
