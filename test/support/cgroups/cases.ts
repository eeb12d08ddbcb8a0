/**
 * What Pods may have of a board, and what the board tells of it. The same cases run on virtual boards (`test/stories/cgroups.test.ts`),
 * which have this machine's version of cgroups, and on flashed ones (`test/images`), which have version 2.
 */
import assert from 'node:assert/strict';
import { milliValue, quantityValue } from '#proto/meta/quantity.ts';
import type { Node, Pod } from '#proto/schema/generated/core-v1.ts';
import { eventually } from '../boards/eventually.ts';
import { shellPod } from '../cluster/manifests.ts';
import {
  apply,
  assertContainerKnobs,
  assertKnobs,
  type CgroupBoard,
  json,
  processOf,
  readKnobs,
  readV2,
  running,
} from './board.ts';

export interface CgroupCase {
  readonly name: string;
  readonly run: (board: CgroupBoard) => Promise<void>;
}

const MI = 1024 * 1024;
const same = (cpu: string, memory: string) => ({
  requests: { cpu, memory },
  limits: { cpu, memory },
});
const EAT = 'x=0123456789abcdef; while :; do x=$x$x; done';

/** Each class in turn: where its Pod lies, and what the Pod and its one container have. */
const CLASSES = [
  {
    name: 'guaranteed',
    resources: same('100m', '32Mi'),
    parent: '/kubepods',
    wanted: { memoryBytes: 32 * MI, quotaUs: 10_000, shares: 102 },
    oomScore: () => -997,
  },
  {
    name: 'burstable',
    resources: { requests: { cpu: '50m', memory: '16Mi' }, limits: { memory: '48Mi' } },
    parent: '/kubepods/burstable',
    wanted: { memoryBytes: 48 * MI, shares: 51 },
    oomScore: (capacity: number) => 1000 - Math.floor((1000 * 16 * MI) / capacity),
  },
  {
    name: 'besteffort',
    resources: {},
    parent: '/kubepods/besteffort',
    wanted: { shares: 2 },
    oomScore: () => 1000,
  },
] as const;

export const cgroupCases: readonly CgroupCase[] = [
  {
    name: 'all Pods together have the board less what is kept for others',
    run: async (board) => {
      const { status } = await json<Node>(board, 'get', 'node', board.node);
      // What eviction keeps free is the Pods' own until eviction acts.
      const wanted = quantityValue(status?.allocatable?.['memory']) + 100 * MI;
      // With the first sample of the board's use, which does not wait for the server.
      await eventually(async () => {
        assert.equal((await readKnobs(board, '/kubepods')).memoryBytes, wanted);
        return true;
      });
    },
  },
  {
    name: 'each class lies in its place, with its limits, its weight and its turn when memory is short',
    run: async (board) => {
      const on = { nodeName: board.node };
      await apply(
        board,
        ...CLASSES.map(({ name, resources }) => shellPod(name, undefined, { resources }, on)),
      );
      const { status } = await json<Node>(board, 'get', 'node', board.node);
      for (const { name, parent, wanted, oomScore } of CLASSES) {
        const { pod, id } = await running(board, name);
        assert.equal(pod.status?.qosClass?.toLowerCase(), name);
        const path = `${parent}/pod${pod.metadata.uid}`;
        assertKnobs(await readKnobs(board, path), wanted);
        assertContainerKnobs(await readKnobs(board, `${path}/${id}`), wanted);
        // Without CAP_SYS_RESOURCE, as on this machine, nobody goes below what the runtime's shim has.
        const least = Number(await board.sh('cat /proc/$(pgrep -o containerd-shim)/oom_score_adj'));
        const score = await board.sh(`cat /proc/${await processOf(board, `${path}/${id}`)}/oom_score_adj`);
        assert.equal(Number(score), Math.max(least, oomScore(quantityValue(status?.capacity?.['memory']))));
        const whole = await readV2(board, `${path}/${id}/memory.oom.group`);
        assert.ok(whole === undefined || whole === '1', `memory.oom.group is ${whole}`);
        // What has a limit of memory does not evade it into swap.
        const swap = await readV2(board, `${path}/${id}/memory.swap.max 2>/dev/null || true`);
        if ('memoryBytes' in wanted)
          assert.ok(swap === undefined || swap === '0', `memory.swap.max is ${swap}`);
      }
      assertKnobs(await readKnobs(board, '/kubepods/besteffort'), { shares: 2 });
      const here = ['-A', '--field-selector', `spec.nodeName=${board.node}`];
      const { items } = await json<{ items: Pod[] }>(board, 'get', 'pods', ...here);
      const shares = items
        .filter((pod) => pod.status?.qosClass === 'Burstable' && pod.status.phase === 'Running')
        .flatMap((pod) => pod.spec.containers.map(({ resources }) => resources?.requests?.['cpu'] ?? '0'))
        .reduce((sum, cpu) => sum + Math.floor((milliValue(cpu) * 1024) / 1000), 0);
      assertKnobs(await readKnobs(board, '/kubepods/burstable'), { shares });
      await board.kubectl(['delete', 'pod', '--wait', '--now', ...CLASSES.map(({ name }) => name)]);
    },
  },
  {
    name: 'what is used is told: memory, CPU, and how often a limit held it back',
    run: async (board) => {
      await apply(
        board,
        shellPod(
          'busy',
          'dd if=/dev/zero of=/memory/file bs=1M count=20 2>/dev/null; while :; do :; done',
          { resources: same('100m', '64Mi'), volumeMounts: [{ name: 'memory', mountPath: '/memory' }] },
          { nodeName: board.node, volumes: [{ name: 'memory', emptyDir: { medium: 'Memory' } }] },
        ),
      );
      await running(board, 'busy');
      const patient = { timeoutMs: board.patienceMs, intervalMs: 1000 };
      await eventually(async () => {
        const text = await board.kubectl(['top', 'pod', 'busy', '--no-headers']);
        const [, cpu, memory] = /^busy\s+(\d+)m\s+(\d+)Mi/.exec(text) ?? [];
        assert.ok(Number(cpu) > 0 && Number(memory) >= 20 && Number(memory) < 64, text);
        return true;
      }, patient);
      await eventually(async () => {
        const path = `/api/v1/nodes/${board.node}/proxy/metrics/cadvisor`;
        const lines = (await board.kubectl(['get', '--raw', path])).split('\n');
        const value = (name: string): number =>
          Number(
            lines.find((line) => line.startsWith(`${name}{`) && line.includes('pod="busy"'))?.split(' ')[1],
          );
        for (const name of [
          'container_cpu_usage_seconds_total',
          'container_cpu_cfs_periods_total',
          'container_cpu_cfs_throttled_periods_total',
          'container_cpu_cfs_throttled_seconds_total',
        ])
          assert.ok(value(name) > 0, `${name} is ${value(name)}`);
        assert.ok(value('container_memory_working_set_bytes') >= 20 * MI);
        const stalls = await readV2(board, '/cpu.pressure 2>/dev/null || true');
        if (stalls)
          assert.ok(value('container_pressure_cpu_waiting_seconds_total') > 0, 'no stalls are told');
        return true;
      }, patient);
      assert.match(
        await board.kubectl(['top', 'node', board.node, '--no-headers']),
        /\d+m +\d+% +\d+Mi +\d+%/,
      );
      await board.kubectl(['delete', 'pod', 'busy', '--wait', '--now']);
    },
  },
  {
    name: 'a running container is resized in its place, and told when it can not be',
    run: async (board) => {
      const on = { nodeName: board.node };
      await apply(board, shellPod('sized', undefined, { resources: same('100m', '32Mi') }, on));
      const before = await running(board, 'sized');
      const pod = `/kubepods/pod${before.pod.metadata.uid}`;
      const patch = (cpu: string, memory: string): string =>
        JSON.stringify({ spec: { containers: [{ name: 'main', resources: same(cpu, memory) }] } });
      const resize = (...to: readonly [string, string]): Promise<string> =>
        board.kubectl(['patch', 'pod', 'sized', '--subresource=resize', '-p', patch(...to)]);
      for (const [cpu, memory, wanted] of [
        ['300m', '48Mi', { memoryBytes: 48 * MI, quotaUs: 30_000, shares: 307 }],
        ['50m', '24Mi', { memoryBytes: 24 * MI, quotaUs: 5000, shares: 51 }],
      ] as const) {
        await resize(cpu, memory);
        await eventually(
          async () => {
            const { status } = await running(board, 'sized');
            assert.deepEqual(status.resources, same(cpu, memory));
            return true;
          },
          { timeoutMs: board.patienceMs },
        );
        assertContainerKnobs(await readKnobs(board, `${pod}/${before.id}`), wanted);
        await eventually(
          async () => {
            assertKnobs(await readKnobs(board, pod), wanted);
            return true;
          },
          { timeoutMs: board.patienceMs },
        );
      }
      await assert.rejects(
        resize('500', '24Mi'),
        /is forbidden: node didn't have enough allocatable resources: cpu, requested: 500000, allocatable: \d+/,
      );
      const { id, status } = await running(board, 'sized');
      assert.deepEqual([id, status.restartCount], [before.id, 0]);
      assert.deepEqual(status.resources, same('50m', '24Mi'));
      await board.kubectl(['delete', 'pod', 'sized', '--wait', '--now']);
    },
  },
  {
    name: 'who takes more memory than his limit, or than his Pod’s, ends as OOMKilled',
    run: async (board) => {
      const on = { nodeName: board.node, restartPolicy: 'Never' as const };
      const limits = { limits: { memory: '16Mi' } };
      const greedy = {
        'over-its-limit': shellPod('over-its-limit', EAT, { resources: limits }, on),
        'over-the-limit-of-its-pod': shellPod(
          'over-the-limit-of-its-pod',
          EAT,
          {},
          { ...on, resources: { limits: { cpu: '1', memory: '16Mi' } } },
        ),
        // In version 1 the kernel ends only the child.
        ...((await readV2(board, '/cgroup.controllers')) === undefined
          ? {}
          : { 'with-a-child': shellPod('with-a-child', `(${EAT}); sleep 1000`, { resources: limits }, on) }),
      };
      await apply(board, ...Object.values(greedy));
      for (const name of Object.keys(greedy))
        await eventually(
          async () => {
            const { status } = await json<Pod>(board, 'get', 'pod', name);
            const ended = status?.containerStatuses?.[0]?.state?.terminated;
            assert.deepEqual(
              [ended?.reason, ended?.exitCode],
              ['OOMKilled', 137],
              `${name}: ${JSON.stringify(status)}`,
            );
            return true;
          },
          { timeoutMs: board.patienceMs },
        );
      await board.kubectl(['delete', 'pod', '--wait', '--now', ...Object.keys(greedy)]);
    },
  },
  {
    name: 'nothing is left of a Pod that is gone',
    run: async (board) => {
      await apply(board, shellPod('brief', undefined, {}, { nodeName: board.node }));
      const { pod } = await running(board, 'brief');
      const traces = (): Promise<string> => board.sh(`find /sys/fs/cgroup -name '*${pod.metadata.uid}*'`);
      assert.match(await traces(), /kubepods\/besteffort\/pod/);
      await board.kubectl(['delete', 'pod', 'brief', '--wait', '--now']);
      await eventually(
        async () => {
          assert.equal((await traces()).trim(), '');
          return true;
        },
        { timeoutMs: board.patienceMs },
      );
    },
  },
];
