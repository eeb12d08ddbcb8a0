import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openCgroups } from './open.ts';

/** Plain folders stand for the kernel's: what is written and read is the same, only rmdir of a file's folder is not. */
let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'coracle-cgroup-'));
});
afterEach(() => rmSync(root, { recursive: true }));

const put = (path: string, text: string): void => {
  mkdirSync(join(root, path, '..'), { recursive: true });
  writeFileSync(join(root, path), text);
};
const get = (path: string): string => readFileSync(join(root, path), 'utf8');
const limits = { cpuShares: 512, cpuQuotaUs: 50_000, cpuPeriodUs: 100_000, memoryLimitBytes: 1 << 20 };
const none = { cpuShares: 2, cpuQuotaUs: 0, cpuPeriodUs: 100_000, memoryLimitBytes: 0 };

describe('cgroup v1', () => {
  beforeEach(() => {
    for (const name of ['cpu', 'cpuacct', 'memory', 'pids', 'systemd']) mkdirSync(join(root, name));
  });

  it('sets and lifts limits in the trees of their controllers', async () => {
    const cgroups = await openCgroups(root);
    await cgroups.apply('/kubepods/podu', limits);
    expect(get('cpu/kubepods/podu/cpu.shares')).toBe('512');
    expect(get('cpu/kubepods/podu/cpu.cfs_quota_us')).toBe('50000');
    expect(get('memory/kubepods/podu/memory.limit_in_bytes')).toBe('1048576');
    await cgroups.apply('/kubepods/podu', none);
    expect(get('cpu/kubepods/podu/cpu.cfs_quota_us')).toBe('-1');
    expect(get('memory/kubepods/podu/memory.limit_in_bytes')).toBe('-1');
  });

  it('reads what is used', async () => {
    put('cpuacct/kubepods/podu/cpuacct.usage', '12345\n');
    put('memory/kubepods/podu/memory.usage_in_bytes', '1000\n');
    put('memory/kubepods/podu/memory.stat', 'inactive_file 1\ntotal_inactive_file 300\n');
    put('pids/kubepods/podu/pids.current', '3\n');
    const cgroups = await openCgroups(root);
    const usage = { cpuNs: 12345, memoryBytes: 1000, workingSetBytes: 700, processes: 3 };
    expect(await cgroups.usage('/kubepods/podu')).toEqual(usage);
    expect(await cgroups.usage('/kubepods/podx')).toBeUndefined();
    expect(await cgroups.children('/kubepods')).toEqual(['podu']);
  });

  it('reads the memory of a cgroup that has a limit', async () => {
    put('memory/memory.limit_in_bytes', '9223372036854771712\n');
    put('memory/kubepods/memory.limit_in_bytes', '4096\n');
    put('memory/kubepods/memory.usage_in_bytes', '1000\n');
    put('memory/kubepods/memory.stat', 'total_inactive_file 300\n');
    const cgroups = await openCgroups(root);
    expect(await cgroups.memory('/kubepods')).toEqual({ limitBytes: 4096, workingSetBytes: 700 });
    expect(await cgroups.memory('/')).toBeUndefined();
  });

  it('names a process, where there is one', async () => {
    put('cpuacct/kubepods/podu/cgroup.procs', '12\n34\n');
    put('cpuacct/kubepods/podx/cgroup.procs', '');
    const cgroups = await openCgroups(root);
    expect(await cgroups.firstProcess('/kubepods/podu')).toBe(12);
    expect(await cgroups.firstProcess('/kubepods/podx')).toBeUndefined();
    expect(await cgroups.firstProcess('/kubepods/podz')).toBeUndefined();
  });

  it('removes what is left in every tree', async () => {
    for (const name of ['cpu', 'memory', 'systemd'])
      mkdirSync(join(root, name, 'kubepods/podu/c1'), { recursive: true });
    const cgroups = await openCgroups(root);
    await cgroups.remove('/kubepods/podu');
    await cgroups.remove('/kubepods/podu');
    expect(await cgroups.children('/kubepods')).toEqual([]);
  });
});

describe('cgroup v2', () => {
  beforeEach(() => {
    put('cgroup.controllers', 'cpuset cpu io memory pids\n');
    put('cgroup.subtree_control', 'memory\n');
  });

  it('sets and lifts limits', async () => {
    const cgroups = await openCgroups(root);
    await cgroups.apply('/kubepods/burstable/podu', limits);
    expect(get('kubepods/burstable/podu/cpu.weight')).toBe('20');
    expect(get('kubepods/burstable/podu/cpu.max')).toBe('50000 100000');
    expect(get('kubepods/burstable/podu/memory.max')).toBe('1048576');
    await cgroups.apply('/kubepods/burstable/podu', none);
    expect(get('kubepods/burstable/podu/cpu.max')).toBe('max 100000');
    expect(get('kubepods/burstable/podu/memory.max')).toBe('max');
    expect(get('cgroup.subtree_control')).toBe('+pids');
    await cgroups.apply('/kubepods/burstable/podu', { ...limits, noSwap: true });
    expect(get('kubepods/burstable/podu/memory.swap.max')).toBe('0');
    await cgroups.apply('/kubepods/burstable/podu', { ...none, noSwap: false });
    expect(get('kubepods/burstable/podu/memory.swap.max')).toBe('max');
  });

  it('reads the memory of a cgroup that has a limit', async () => {
    put('kubepods/memory.max', '4096\n');
    put('kubepods/memory.current', '1000\n');
    put('kubepods/memory.stat', 'inactive_file 300\n');
    put('kubepods/burstable/memory.max', 'max\n');
    const cgroups = await openCgroups(root);
    expect(await cgroups.memory('/kubepods')).toEqual({ limitBytes: 4096, workingSetBytes: 700 });
    expect(await cgroups.memory('/kubepods/burstable')).toBeUndefined();
    expect(await cgroups.memory('/')).toBeUndefined();
  });

  it('reads what is used', async () => {
    put('kubepods/podu/cpu.stat', 'usage_usec 12\nuser_usec 10\n');
    put('kubepods/podu/memory.current', '1000\n');
    put('kubepods/podu/memory.stat', 'anon 5\ninactive_file 300\n');
    const cgroups = await openCgroups(root);
    const usage = { cpuNs: 12_000, memoryBytes: 1000, workingSetBytes: 700, processes: 0 };
    expect(await cgroups.usage('/kubepods/podu')).toEqual(usage);
  });
});

describe('a cgroup v2 tree as Linux 6.12 had it', () => {
  const recorded = join(import.meta.dirname, 'testdata/v2-linux-6.12');
  const pod = '/kubepods/burstable/pod7f0c';
  const details = async (path: string) => (await openCgroups(recorded)).details(path);

  it('is taken for v2, and tells what is used', async () => {
    const cgroups = await openCgroups(recorded);
    expect(await cgroups.usage(pod)).toEqual({
      cpuNs: 14_961_841_000,
      memoryBytes: 32_768,
      workingSetBytes: 32_768,
      processes: 1,
    });
    expect(await cgroups.firstProcess(`${pod}/c1`)).toBe(140);
    expect(await cgroups.firstProcess(`${pod}/c2`)).toBeUndefined();
    expect(await cgroups.children(pod)).toEqual(['c1', 'c2']);
    expect(await cgroups.usage(`${pod}/c3`)).toBeUndefined();
  });

  it('tells of throttling, devices and stalls', async () => {
    expect(await details(`${pod}/c1`)).toEqual({
      cpuPeriods: 462,
      throttledPeriods: 378,
      throttledNs: 24_688_953_000,
      oomKills: 0,
      io: { readBytes: 6_684_672, writtenBytes: 3_276_800, reads: 51, writes: 801 },
      pressure: {
        cpu: { someNs: 36_918_349_000, fullNs: 36_869_539_000 },
        memory: { someNs: 0, fullNs: 0 },
        io: { someNs: 94_978_000, fullNs: 94_978_000 },
      },
    });
    expect(await details(`${pod}/c3`)).toBeUndefined();
  });

  it('tells of the process that was killed for want of memory, in its container and in the pod', async () => {
    expect((await details(`${pod}/c2`))?.oomKills).toBe(1);
    expect((await details(pod))?.oomKills).toBe(1);
  });

  it('has all that is handed down already: to set its limits again writes nothing else', async () => {
    cpSync(recorded, root, { recursive: true });
    const before = get('kubepods/burstable/cgroup.subtree_control');
    const cgroups = await openCgroups(root);
    await cgroups.apply(`${pod}/c1`, {
      ...limits,
      cpuQuotaUs: 20_000,
      memoryLimitBytes: 33_554_432,
      pidsLimit: 64,
    });
    expect(get('kubepods/burstable/cgroup.subtree_control')).toBe(before);
    // What the kernel printed is known for what was written: with its line end, nothing is written twice.
    expect(get(`${pod}/c1/cpu.max`)).toBe('20000 100000\n');
    expect(get(`${pod}/c1/memory.max`)).toBe('33554432\n');
    expect(get(`${pod}/c1/pids.max`)).toBe('64\n');
    expect(get(`${pod}/c1/memory.high`)).toBe('max\n');
  });
});

it('tells the same of v1, without stalls', async () => {
  for (const name of ['cpu', 'memory', 'blkio', 'systemd']) mkdirSync(join(root, name));
  put('memory/kubepods/podu/cgroup.procs', '12\n');
  put('cpu/kubepods/podu/cpu.stat', 'nr_periods 10\nnr_throttled 4\nthrottled_time 5000\n');
  put('memory/kubepods/podu/memory.oom_control', 'oom_kill_disable 0\nunder_oom 0\noom_kill 2\n');
  put(
    'blkio/kubepods/podu/blkio.throttle.io_service_bytes',
    '8:0 Read 4096\n8:0 Write 512\n8:0 Total 4608\n8:16 Read 100\n8:16 Write 1\nTotal 4709\n',
  );
  put('blkio/kubepods/podu/blkio.throttle.io_serviced', '8:0 Read 1\n8:0 Write 2\n8:16 Read 3\nTotal 6\n');
  const cgroups = await openCgroups(root);
  expect(await cgroups.details('/kubepods/podu')).toEqual({
    cpuPeriods: 10,
    throttledPeriods: 4,
    throttledNs: 5000,
    oomKills: 2,
    io: { readBytes: 4196, writtenBytes: 513, reads: 4, writes: 2 },
    pressure: undefined,
  });
  expect(await cgroups.details('/kubepods/podx')).toBeUndefined();
});
