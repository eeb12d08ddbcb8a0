import { join } from 'node:path';
import { childFolders, firstPid, makeFolder, readNumber, readText, removeTree, setFile } from './cgroupfs.ts';
import type { CgroupDetails, CgroupLimits, Cgroups, CgroupUsage } from './cgroups.ts';
import { flatKeyed, parseBlkio, workingSet } from './parse.plan.ts';

/** One tree for each controller: cpu and memory hold limits, the others are removed along with them. */
export class CgroupsV1 implements Cgroups {
  readonly #root: string;
  /** Mounted hierarchies by their folder: `cpu`, `memory`, `systemd`; links (`cpu` to `cpu,cpuacct`) are followed. */
  readonly #hierarchies: readonly string[];

  constructor(root: string, hierarchies: readonly string[]) {
    this.#root = root;
    this.#hierarchies = hierarchies;
  }

  async apply(path: string, limits: CgroupLimits): Promise<void> {
    const cpu = this.#at('cpu', path);
    const memory = this.#at('memory', path);
    if (cpu) {
      await makeFolder(cpu);
      await setFile(join(cpu, 'cpu.shares'), Math.max(2, limits.cpuShares));
      if (limits.cpuQuotaUs > 0) await setFile(join(cpu, 'cpu.cfs_period_us'), limits.cpuPeriodUs);
      await setFile(join(cpu, 'cpu.cfs_quota_us'), limits.cpuQuotaUs > 0 ? limits.cpuQuotaUs : -1);
    }
    if (memory) {
      await makeFolder(memory);
      // Without it the kernel counts each container alone, and the pod's limit would hold for nobody.
      await setFile(join(memory, 'memory.use_hierarchy'), 1, { optional: true });
      await setFile(join(memory, 'memory.limit_in_bytes'), limits.memoryLimitBytes || -1);
    }
    const pids = this.#at('pids', path);
    if (pids && limits.pidsLimit !== undefined) {
      await makeFolder(pids);
      await setFile(join(pids, 'pids.max'), limits.pidsLimit || 'max');
    }
  }

  async remove(path: string): Promise<void> {
    for (const hierarchy of this.#hierarchies) await removeTree(join(this.#root, hierarchy, path));
  }

  async usage(path: string): Promise<CgroupUsage | undefined> {
    const cpuacct = this.#at('cpuacct', path);
    const memory = this.#at('memory', path);
    const pids = this.#at('pids', path);
    const cpuNs = cpuacct && (await readNumber(join(cpuacct, 'cpuacct.usage')));
    const memoryBytes = memory && (await readNumber(join(memory, 'memory.usage_in_bytes')));
    if (!memory || cpuNs === undefined || cpuNs === '' || memoryBytes === undefined || memoryBytes === '') {
      return undefined;
    }
    const stat = flatKeyed((await readText(join(memory, 'memory.stat'))) ?? '');
    const processes = pids && (await readNumber(join(pids, 'pids.current')));
    return {
      cpuNs,
      memoryBytes,
      workingSetBytes: workingSet(memoryBytes, stat.get('total_inactive_file') ?? 0),
      processes: processes || 0,
    };
  }

  async memory(path: string): Promise<{ limitBytes: number; workingSetBytes: number } | undefined> {
    const folder = this.#at('memory', path);
    if (!folder) return undefined;
    const limitBytes = await readNumber(join(folder, 'memory.limit_in_bytes'));
    // Without a limit the kernel shows the largest number of pages, in bytes.
    if (limitBytes === undefined || limitBytes >= Number.MAX_SAFE_INTEGER) return undefined;
    const usage = (await readNumber(join(folder, 'memory.usage_in_bytes'))) ?? 0;
    const stat = flatKeyed((await readText(join(folder, 'memory.stat'))) ?? '');
    return { limitBytes, workingSetBytes: workingSet(usage, stat.get('total_inactive_file') ?? 0) };
  }

  async details(path: string): Promise<CgroupDetails | undefined> {
    const read = async (hierarchy: string, name: string): Promise<string> => {
      const folder = this.#at(hierarchy, path);
      return (folder && (await readText(join(folder, name)))) ?? '';
    };
    const folder = this.#at('memory', path) ?? this.#at('cpu', path);
    if (!folder || (await readText(join(folder, 'cgroup.procs'))) === undefined) return undefined;
    const cpu = flatKeyed(await read('cpu', 'cpu.stat'));
    const bytes = parseBlkio(await read('blkio', 'blkio.throttle.io_service_bytes'));
    const operations = parseBlkio(await read('blkio', 'blkio.throttle.io_serviced'));
    return {
      cpuPeriods: cpu.get('nr_periods') ?? 0,
      throttledPeriods: cpu.get('nr_throttled') ?? 0,
      throttledNs: cpu.get('throttled_time') ?? 0,
      oomKills: flatKeyed(await read('memory', 'memory.oom_control')).get('oom_kill') ?? 0,
      io: {
        readBytes: bytes.read,
        writtenBytes: bytes.write,
        reads: operations.read,
        writes: operations.write,
      },
      pressure: undefined,
    };
  }

  async firstProcess(path: string): Promise<number | undefined> {
    const folder = this.#at('cpuacct', path);
    return folder ? firstPid(folder) : undefined;
  }

  async children(path: string): Promise<readonly string[]> {
    const found = new Set<string>();
    for (const hierarchy of this.#hierarchies) {
      for (const name of await childFolders(join(this.#root, hierarchy, path))) found.add(name);
    }
    return [...found];
  }

  /** Undefined for a controller that the kernel does not have: Raspberry Pi OS starts without memory. */
  #at(hierarchy: string, path: string): string | undefined {
    return this.#hierarchies.includes(hierarchy) ? join(this.#root, hierarchy, path) : undefined;
  }
}
