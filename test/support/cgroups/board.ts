/** What the kernel of a board has for Pods, read in a shell there, the same for both versions of cgroups. */
import assert from 'node:assert/strict';
import { weightOfShares } from '#agent/runtime/cgroup/parse.plan.ts';
import type { ContainerStatus, Pod } from '#proto/schema/generated/core-v1.ts';
import { eventually } from '../boards/eventually.ts';

export interface CgroupBoard {
  /** The node's name. */
  readonly node: string;
  /** Rejects with what it said when it fails. */
  kubectl(args: readonly string[], input?: string): Promise<string>;
  /** In a shell on the board; what it prints. */
  sh(script: string): Promise<string>;
  /** For whatever takes its time there. */
  readonly patienceMs: number;
}

export interface Knobs {
  readonly version: 1 | 2;
  /** Undefined: no limit. */
  readonly memoryBytes: number | undefined;
  /** Of each 100 ms; undefined: no limit. */
  readonly quotaUs: number | undefined;
  /** `cpu.weight`, or `cpu.shares` in version 1. */
  readonly weight: number;
}

const WHERE = 'cd /sys/fs/cgroup; if [ -e cgroup.controllers ]; then';

export async function readKnobs(board: CgroupBoard, path: string): Promise<Knobs> {
  const script = `${WHERE} echo 2; cat .${path}/memory.max .${path}/cpu.max .${path}/cpu.weight;
    else echo 1; cat memory${path}/memory.limit_in_bytes cpu${path}/cpu.cfs_quota_us cpu${path}/cpu.shares; fi`;
  const [version, memory = '', quota = '', weight] = (await board.sh(script)).trim().split('\n');
  const limit = (text: string): number | undefined => {
    const [first = ''] = text.split(' ');
    // Version 1 has the largest number of pages for no limit.
    return first === 'max' || Number(first) < 0 || Number(first) > 2 ** 62 ? undefined : Number(first);
  };
  return {
    version: version === '2' ? 2 : 1,
    memoryBytes: limit(memory),
    quotaUs: limit(quota),
    weight: Number(weight),
  };
}

/** Of a cgroup that the agent made. */
export function assertKnobs(
  found: Knobs,
  wanted: { readonly memoryBytes?: number; readonly quotaUs?: number; readonly shares: number },
): void {
  const { memoryBytes, quotaUs, shares } = wanted;
  const weight = found.version === 2 ? weightOfShares(shares) : shares;
  assert.deepEqual(found, { version: found.version, memoryBytes, quotaUs, weight });
}

/** Of a container's, which the runtime made: it may convert shares by the newer formula, of opencontainers/cgroups. */
export function assertContainerKnobs(
  found: Knobs,
  wanted: { readonly memoryBytes?: number; readonly quotaUs?: number; readonly shares: number },
): void {
  const log = Math.log2(wanted.shares);
  const newer = wanted.shares <= 2 ? 1 : Math.ceil(10 ** ((log * log + 125 * log) / 612 - 7 / 34));
  const weight = found.version === 2 && found.weight === newer ? weightOfShares(wanted.shares) : found.weight;
  assertKnobs({ ...found, weight }, wanted);
}

/** A file of version 2; undefined where the board has version 1. */
export async function readV2(board: CgroupBoard, path: string): Promise<string | undefined> {
  const text = (await board.sh(`${WHERE} cat .${path}; fi`)).trim();
  return text === '' ? undefined : text;
}

/** The first process of a cgroup, in the board's numbering. */
export async function processOf(board: CgroupBoard, path: string): Promise<number> {
  const script = `${WHERE} head -n 1 .${path}/cgroup.procs; else head -n 1 memory${path}/cgroup.procs; fi`;
  return Number((await board.sh(script)).trim());
}

export async function json<T>(board: CgroupBoard, ...args: readonly string[]): Promise<T> {
  return JSON.parse(await board.kubectl([...args, '-o', 'json'])) as T;
}

export async function apply(board: CgroupBoard, ...manifests: readonly object[]): Promise<void> {
  await board.kubectl(['apply', '-f', '-'], manifests.map((one) => JSON.stringify(one)).join('\n'));
}

export interface RunningPod {
  readonly pod: Pod;
  readonly status: ContainerStatus;
  /** The runtime's. */
  readonly id: string;
}

/** Once its one container runs. */
export const running = (board: CgroupBoard, name: string): Promise<RunningPod> =>
  eventually(
    async () => {
      const pod = await json<Pod>(board, 'get', 'pod', name);
      const [status] = pod.status?.containerStatuses ?? [];
      assert.ok(status?.state?.running, `pod ${name}: ${JSON.stringify(status?.state ?? pod.status)}`);
      return { pod, status, id: (status.containerID ?? '').replace('containerd://', '') };
    },
    { timeoutMs: board.patienceMs },
  );
