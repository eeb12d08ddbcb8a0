import { describe, expect, it } from 'vitest';
import { aContainer, aPod } from '#agent/pod/fixtures.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';
import { localStorageVerdict } from './local-storage.plan.ts';
import { NO_PRESSURE, type Observations, planPressure } from './pressure.plan.ts';
import { type Candidate, evictionMessage, isCritical, type PodUse, rankForEviction } from './rank.plan.ts';
import { parseGrace, parseReclaim, parseThreshold, planThresholds } from './thresholds.plan.ts';

const Mi = 1024 * 1024;
const none = { hard: [], soft: [], softGrace: [], minReclaim: [] };

describe('thresholds', () => {
  it.each([
    ['memory.available<100Mi', { signal: 'memory.available', value: { amount: 100 * Mi } }],
    ['nodefs.available<10%', { signal: 'nodefs.available', value: { share: 0.1 } }],
    ['imagefs.inodesFree<0%', { signal: 'imagefs.inodesFree', value: undefined }],
  ])('%s', (text, expected) => expect(parseThreshold(text)).toEqual(expected));

  it.each([
    ['memory<100Mi', 'unsupported eviction signal memory'],
    ['allocatableMemory.available<1Mi', 'unsupported eviction signal allocatableMemory.available'],
    ['memory.available', '"memory.available" is not SIGNAL<VALUE'],
    ['memory.available<0', 'eviction threshold memory.available must be positive: 0'],
    ['nodefs.available<110%', 'eviction percentage threshold nodefs.available must be <= 100%: 110%'],
  ])('%s is refused', (text, message) => expect(() => parseThreshold(text)).toThrow(message));

  it('reads durations as Go writes them', () => {
    expect(parseGrace('memory.available=1m30s')).toEqual({ signal: 'memory.available', ms: 90_000 });
    expect(() => parseGrace('memory.available=soon')).toThrow('"soon" is not a duration such as 1m30s');
  });

  it('hold for what the Pods have left too, and a soft one has a grace period', () => {
    const soft = [parseThreshold('nodefs.available<20%')];
    expect(() => planThresholds({ ...none, soft })).toThrow(
      'grace period must be specified for the soft eviction threshold nodefs.available',
    );
    const all = planThresholds({
      hard: [parseThreshold('memory.available<100Mi')],
      soft,
      softGrace: [parseGrace('nodefs.available=1m')],
      minReclaim: [parseReclaim('nodefs.available=5%')],
    });
    expect(all.map(({ signal, graceMs }) => [signal, graceMs])).toEqual([
      ['memory.available', 0],
      ['allocatableMemory.available', 0],
      ['nodefs.available', 60_000],
    ]);
    expect(all[2]?.minReclaim).toEqual({ share: 0.05 });
  });
});

describe('pressure', () => {
  const thresholds = planThresholds({
    hard: [parseThreshold('memory.available<100Mi'), parseThreshold('nodefs.available<10%')],
    soft: [parseThreshold('memory.available<200Mi')],
    softGrace: [parseGrace('memory.available=30s')],
    minReclaim: [parseReclaim('nodefs.available=5%')],
  });
  const seeing = (memoryMi: number, diskPercent: number): Observations => ({
    'memory.available': { available: memoryMi * Mi, capacity: 1024 * Mi },
    'nodefs.available': { available: diskPercent, capacity: 100 },
  });
  /** Every ten seconds one look; what came of each. */
  const over = (looks: readonly Observations[]) => {
    let state = NO_PRESSURE;
    return looks.map((observations, index) => {
      const now = index * 10_000;
      const result = planPressure({ thresholds, observations, state, transitionMs: 30_000, now });
      state = result.state;
      return [result.conditions.join(), result.reclaim.map(({ signal }) => signal).join()];
    });
  };

  it('is none on a board that is well', () => {
    expect(over([seeing(500, 50)])).toEqual([['', '']]);
  });

  it('has memory go first, and stays for a while after it has passed', () => {
    expect(over([seeing(50, 5), seeing(500, 50), seeing(500, 50), seeing(500, 50)])).toEqual([
      ['MemoryPressure,DiskPressure', 'memory.available,nodefs.available'],
      ['MemoryPressure,DiskPressure', ''],
      ['MemoryPressure,DiskPressure', ''],
      ['', ''],
    ]);
  });

  it('bears a soft threshold for its grace, and forgets it in between', () => {
    const soft = seeing(150, 50);
    expect(over([soft, soft, seeing(500, 50), soft, soft, soft, soft]).map(([, reclaim]) => reclaim)).toEqual(
      [...['', '', '', '', '', ''], 'memory.available'],
    );
  });

  it('is over only when as much more is free as was asked for', () => {
    expect(over([seeing(500, 9), seeing(500, 12), seeing(500, 15)]).map(([, reclaim]) => reclaim)).toEqual([
      'nodefs.available',
      'nodefs.available',
      '',
    ]);
  });

  it('knows nothing of what it can not measure', () => {
    expect(over([{}])).toEqual([['', '']]);
  });
});

const use = (memoryMi: number, diskMi = 0, processes = 1): PodUse => ({
  memoryBytes: memoryMi * Mi,
  processes,
  disk: { bytes: diskMi * Mi, inodes: diskMi },
  containers: [{ name: 'main', memoryBytes: memoryMi * Mi, disk: { bytes: diskMi * Mi, inodes: 0 } }],
});
const candidate = (
  name: string,
  used: PodUse | undefined,
  requests: Record<string, string> = {},
  priority = 0,
): Candidate => ({
  pod: aPod({ containers: [aContainer({ resources: { requests } })], priority }, { name, uid: name }),
  use: used,
});
const ranked = (list: readonly Candidate[], resource: Parameters<typeof rankForEviction>[1]): string =>
  rankForEviction(list, resource)
    .map(({ pod }) => pod.metadata.name)
    .join(' ');

describe('ranking', () => {
  it('takes who uses more than it asked for, then who matters less, then who uses most', () => {
    const list = [
      candidate('within', use(500), { memory: '600Mi' }),
      candidate('important', use(300), { memory: '10Mi' }, 100),
      candidate('small', use(50), { memory: '10Mi' }),
      candidate('large', use(400), { memory: '100Mi' }),
      candidate('unknown', undefined),
    ];
    expect(ranked(list, 'memory')).toBe('unknown large small important within');
  });

  it('goes by what was written for disk, and by priority alone before processes', () => {
    const list = [
      candidate('writer', use(1, 900, 3)),
      candidate('forker', use(1, 1, 500)),
      candidate('asked', use(1, 950, 2), { 'ephemeral-storage': '1Gi' }),
    ];
    expect(ranked(list, 'ephemeral-storage')).toBe('writer forker asked');
    expect(ranked(list, 'inodes')).toBe('asked writer forker');
    expect(ranked(list, 'pids')).toBe('forker writer asked');
  });

  it('says in the words of the kubelet what was short and who used it', () => {
    const one = candidate('web', use(150), { memory: '100Mi' });
    const thresholds = planThresholds({ ...none, hard: [parseThreshold('memory.available<100Mi')] });
    const observations = { 'memory.available': { available: 50 * Mi, capacity: 1024 * Mi } };
    expect(evictionMessage(one, 'memory', thresholds, observations)).toBe(
      'The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi. ' +
        'Container main was using 150Mi, request is 100Mi, has larger consumption of memory. ',
    );
  });

  it.each<[string, Pod, boolean]>([
    ['an ordinary Pod', aPod(), false],
    ['node-critical', aPod({ priority: 2_000_001_000 }), true],
    ['from a file', aPod({}, { annotations: { 'kubernetes.io/config.source': 'file' } }), true],
    ['a mirror', aPod({}, { annotations: { 'kubernetes.io/config.mirror': 'abc' } }), true],
  ])('%s', (_what, pod, critical) => expect(isCritical(pod)).toBe(critical));
});

describe('limits on what a Pod writes', () => {
  const pod = aPod({
    volumes: [
      { name: 'scratch', emptyDir: { sizeLimit: '10Mi' } },
      { name: 'free', emptyDir: {} },
    ],
    containers: [
      aContainer({ name: 'a', resources: { limits: { 'ephemeral-storage': '20Mi' } } }),
      aContainer({ name: 'b', resources: { limits: { 'ephemeral-storage': '100Mi' } } }),
    ],
  });
  const mi = (amount: number) => ({ bytes: amount * Mi, inodes: 1 });
  it.each<[string, Record<string, number>, Record<string, number>, string | undefined]>([
    ['kept', { scratch: 10, free: 50 }, { a: 20, b: 40 }, undefined],
    ['of a volume', { scratch: 11 }, {}, 'Usage of EmptyDir volume "scratch" exceeds the limit "10Mi". '],
    ['of a container', {}, { a: 21 }, 'Container a exceeded its local ephemeral storage limit "20Mi". '],
    [
      'of the Pod',
      { free: 100 },
      { a: 1, b: 30 },
      'Pod ephemeral local storage usage exceeds the total limit of containers 120Mi. ',
    ],
  ])('%s', (_what, volumes, containers, verdict) => {
    const map = (amounts: Record<string, number>) =>
      new Map(Object.entries(amounts).map(([name, amount]) => [name, mi(amount)]));
    expect(localStorageVerdict(pod, { volumes: map(volumes), containers: map(containers) })).toBe(verdict);
  });
});
