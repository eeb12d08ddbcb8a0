import { dirname, join } from 'node:path';
import { childFolders, firstPid, makeFolder, readNumber, readText, removeTree, setFile } from './cgroupfs.ts';
import type { CgroupDetails, CgroupLimits, Cgroups, CgroupUsage } from './cgroups.ts';
import { flatKeyed, parseIoStat, parsePressure, weightOfShares, workingSet } from './parse.plan.ts';

const CONTROLLERS = ['cpu', 'cpuset', 'io', 'memory', 'pids'];

/** The unified tree. A controller is there for a cgroup only if each of its parents hands it down. */
export class CgroupsV2 implements Cgroups {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  async apply(path: string, limits: CgroupLimits): Promise<void> {
    const folder = join(this.#root, path);
    await makeFolder(folder);
    await this.#handDown(path);
    const quota =
      limits.cpuQuotaUs > 0 ? `${limits.cpuQuotaUs} ${limits.cpuPeriodUs}` : `max ${limits.cpuPeriodUs}`;
    await setFile(join(folder, 'cpu.weight'), weightOfShares(limits.cpuShares));
    await setFile(join(folder, 'cpu.max'), quota);
    await setFile(join(folder, 'memory.max'), limits.memoryLimitBytes || 'max', { optional: true });
    // A kernel without swap has no such file.
    if (limits.noSwap !== undefined)
      await setFile(join(folder, 'memory.swap.max'), limits.noSwap ? 0 : 'max', { optional: true });
    if (limits.pidsLimit !== undefined) await setFile(join(folder, 'pids.max'), limits.pidsLimit || 'max');
  }

  remove(path: string): Promise<void> {
    return removeTree(join(this.#root, path));
  }

  async usage(path: string): Promise<CgroupUsage | undefined> {
    const folder = join(this.#root, path);
    const cpu = await readText(join(folder, 'cpu.stat'));
    const memoryBytes = await readNumber(join(folder, 'memory.current'));
    if (cpu === undefined || memoryBytes === undefined) return undefined;
    const stat = flatKeyed((await readText(join(folder, 'memory.stat'))) ?? '');
    return {
      cpuNs: (flatKeyed(cpu).get('usage_usec') ?? 0) * 1000,
      memoryBytes,
      workingSetBytes: workingSet(memoryBytes, stat.get('inactive_file') ?? 0),
      processes: (await readNumber(join(folder, 'pids.current'))) ?? 0,
    };
  }

  async memory(path: string): Promise<{ limitBytes: number; workingSetBytes: number } | undefined> {
    const folder = join(this.#root, path);
    // `max` is no number, and the machine's own root has no such file.
    const limitBytes = await readNumber(join(folder, 'memory.max'));
    if (limitBytes === undefined || Number.isNaN(limitBytes)) return undefined;
    const usage = (await readNumber(join(folder, 'memory.current'))) ?? 0;
    const stat = flatKeyed((await readText(join(folder, 'memory.stat'))) ?? '');
    return { limitBytes, workingSetBytes: workingSet(usage, stat.get('inactive_file') ?? 0) };
  }

  async details(path: string): Promise<CgroupDetails | undefined> {
    const read = async (name: string): Promise<string | undefined> => readText(join(this.#root, path, name));
    const text = await read('cpu.stat');
    if (text === undefined) return undefined;
    const cpu = flatKeyed(text);
    const [cpuStalls, memoryStalls, ioStalls] = await Promise.all(
      ['cpu.pressure', 'memory.pressure', 'io.pressure'].map(read),
    );
    return {
      cpuPeriods: cpu.get('nr_periods') ?? 0,
      throttledPeriods: cpu.get('nr_throttled') ?? 0,
      throttledNs: (cpu.get('throttled_usec') ?? 0) * 1000,
      oomKills: flatKeyed((await read('memory.events')) ?? '').get('oom_kill') ?? 0,
      io: parseIoStat((await read('io.stat')) ?? ''),
      pressure:
        cpuStalls === undefined || memoryStalls === undefined || ioStalls === undefined
          ? undefined
          : {
              cpu: parsePressure(cpuStalls),
              memory: parsePressure(memoryStalls),
              io: parsePressure(ioStalls),
            },
    };
  }

  firstProcess(path: string): Promise<number | undefined> {
    return firstPid(join(this.#root, path));
  }

  children(path: string): Promise<readonly string[]> {
    return childFolders(join(this.#root, path));
  }

  /** From the root down to this cgroup itself, so that its containers have the controllers too. */
  async #handDown(path: string): Promise<void> {
    const folders: string[] = [];
    for (let at = path; at !== '/' && at !== '.'; at = dirname(at)) folders.unshift(join(this.#root, at));
    for (const folder of [this.#root, ...folders]) {
      const has = ((await readText(join(folder, 'cgroup.controllers'))) ?? '').trim().split(' ');
      const given = ((await readText(join(folder, 'cgroup.subtree_control'))) ?? '').trim().split(' ');
      const missing = CONTROLLERS.filter((name) => has.includes(name) && !given.includes(name));
      // One at a time: one that the kernel refuses must not take the others along.
      for (const name of missing)
        await setFile(join(folder, 'cgroup.subtree_control'), `+${name}`, { optional: true });
    }
  }
}
