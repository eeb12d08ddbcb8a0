/** A board that runs short: of memory, of disk, and of what a Pod was allowed to write. */
import { describe, expect, it } from 'vitest';
import type { Event, Node, Pod } from '#proto/schema/generated/core-v1.ts';
import { eventually } from '../support/boards/eventually.ts';
import { apply, shellPod } from '../support/cluster/manifests.ts';
import { useCluster } from '../support/cluster/use-cluster.ts';

const cluster = useCluster({
  boards: 2,
  memoryMiB: 500,
  // Without the thresholds of images: those lie on this machine's disk.
  agentFlags: [
    ...['--eviction-hard', 'memory.available<100Mi,nodefs.available<10%'],
    '--system-reserved',
    'memory=50Mi',
    '--eviction-pressure-transition-period',
    // Far above what it takes to look at all that follows from it.
    '20s',
  ],
});
const on = (board: string) => ({ nodeName: board });
const podOf = (name: string) => cluster().kubectl.json<Pod>(['get', 'pod', name]);
const conditionOf = async (board: string, type: string) => {
  const { status } = await cluster().kubectl.json<Node>(['get', 'node', board]);
  return status?.conditions?.find((condition) => condition.type === type)?.status;
};
const evicted = (name: string, message: RegExp) =>
  eventually(
    async () => {
      const { status } = await podOf(name);
      expect(status).toMatchObject({ phase: 'Failed', reason: 'Evicted' });
      expect(status?.message).toMatch(message);
      return status;
    },
    // What Pods write is measured every half a minute, and less often where that takes long.
    { timeoutMs: 120_000 },
  );
const memory = { name: 'memory', emptyDir: { medium: 'Memory' } };

describe.concurrent('a board that runs short', () => {
  it('has what is left of its own memory for Pods', async () => {
    const { status } = await cluster().kubectl.json<Node>(['get', 'node', 'board-1']);
    expect(status?.capacity?.['memory']).toBe('500Mi');
    expect(status?.allocatable?.['memory']).toBe('350Mi');
    const limit =
      'cat /sys/fs/cgroup/memory/kubepods/memory.limit_in_bytes || cat /sys/fs/cgroup/kubepods/memory.max';
    await eventually(async () =>
      expect(Number((await cluster().board('board-1').exec(limit)).stdout)).toBe(450 * 1024 * 1024),
    );
  });

  it('of memory ends who uses most of it beyond its request, and no other', async () => {
    await apply(
      cluster(),
      shellPod('modest', undefined, { resources: { requests: { memory: '50Mi' } } }, on('board-1')),
      // In steps: the kernel must not be the one who notices first.
      shellPod(
        'greedy',
        'n=150; for i in $(seq 300); do dd if=/dev/zero of=/memory/$i bs=1M count=$n 2>/dev/null; n=2; sleep 0.25; done; sleep 1000',
        { volumeMounts: [{ name: 'memory', mountPath: '/memory' }] },
        { ...on('board-1'), volumes: [memory] },
      ),
    );
    const status = await evicted(
      'greedy',
      /^The node was low on resource: memory\. Threshold quantity: 100Mi, available: \d+Ki\. Container main was using \d+Ki, request is 0, has larger consumption of memory\. $/,
    );
    expect(status?.conditions).toContainEqual(
      expect.objectContaining({ type: 'DisruptionTarget', status: 'True', reason: 'TerminationByKubelet' }),
    );
    expect(await conditionOf('board-1', 'MemoryPressure')).toBe('True');
    expect((await podOf('modest')).status?.phase).toBe('Running');
    // It is over only when the transition period is: until then nobody comes who did not say how much he needs.
    await apply(cluster(), shellPod('late', undefined, {}, on('board-1')));
    await evicted('late', /The node had condition: \[MemoryPressure\]\. /);
    await eventually(async () => {
      const { items } = await cluster().kubectl.json<{ items: Event[] }>(['get', 'events']);
      const reasons = items.map(({ reason, involvedObject }) => `${reason} ${involvedObject.kind}`);
      expect(reasons).toEqual(expect.arrayContaining(['Evicted Pod', 'EvictionThresholdMet Node']));
      return true;
    });
    await eventually(async () => expect(await conditionOf('board-1', 'MemoryPressure')).toBe('False'), {
      timeoutMs: 90_000,
    });
  });

  it('of disk ends who has written most', async () => {
    const board = cluster().board('board-2');
    await board.stopService('agent');
    await board.exec(
      'mount -t tmpfs -o size=64m tmpfs /mnt && cp -a /var/lib/coracle/. /mnt && mount --bind /mnt /var/lib/coracle',
    );
    await board.startService('agent');
    const writes = (amount: number) =>
      shellPod(
        `writes-${amount}`,
        `dd if=/dev/zero of=/disk/file bs=1M count=${amount}; sleep 1000`,
        { volumeMounts: [{ name: 'disk', mountPath: '/disk' }] },
        { ...on('board-2'), volumes: [{ name: 'disk', emptyDir: {} }] },
      );
    await apply(cluster(), writes(15), writes(45));
    await evicted('writes-45', /^The node was low on resource: ephemeral-storage\. Threshold quantity: /);
    await eventually(async () => expect((await podOf('writes-15')).status?.phase).toBe('Running'));
  });

  it('ends a Pod that has written more than it may', async () => {
    await apply(
      cluster(),
      shellPod(
        'over-the-limit',
        'dd if=/dev/zero of=/scratch/file bs=1M count=12; sleep 1000',
        // It says how much memory it needs: the board, which may be short of that just now, takes it all the same.
        {
          resources: { requests: { memory: '20Mi' } },
          volumeMounts: [{ name: 'scratch', mountPath: '/scratch' }],
        },
        { ...on('board-1'), volumes: [{ name: 'scratch', emptyDir: { sizeLimit: '10Mi' } }] },
      ),
      shellPod(
        'logs-too-much',
        'while :; do echo 0123456789012345678901234567890123456789; done',
        { resources: { requests: { memory: '20Mi' }, limits: { 'ephemeral-storage': '3Mi', cpu: '200m' } } },
        on('board-1'),
      ),
    );
    await evicted('over-the-limit', /^Usage of EmptyDir volume "scratch" exceeds the limit "10Mi"\. $/);
    await evicted(
      'logs-too-much',
      /^Pod ephemeral local storage usage exceeds the total limit of containers 3Mi\. $/,
    );
  });
});
