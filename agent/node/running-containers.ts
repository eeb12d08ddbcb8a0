import type { CgroupUsage } from '#agent/runtime/cgroup/cgroups.ts';
import type { Container, Runtime } from '#agent/runtime/runtime.ts';
import type { Pod } from '#proto/schema/generated/core-v1.ts';

export interface UsageSources {
  readonly runtime: Pick<Runtime, 'list'>;
  readonly cgroups: { containerUsage(pod: Pod, containerId: string): Promise<CgroupUsage | undefined> };
}

/** A container that runs, whose it is, and what it uses. */
export interface RunningContainer {
  readonly pod: Pod;
  readonly container: Container;
  readonly usage: CgroupUsage;
}

/** The running containers of these Pods, each with what the kernel counts for it now. Asks nobody where there are no Pods. */
export async function* runningContainers(
  { runtime, cgroups }: UsageSources,
  pods: readonly Pod[],
): AsyncGenerator<RunningContainer> {
  if (pods.length === 0) return;
  const byUid = new Map(pods.map((pod) => [pod.metadata.uid ?? '', pod]));
  const { sandboxes, containers } = await runtime.list();
  const uids = new Map(sandboxes.map(({ id, uid }) => [id, uid]));
  for (const container of containers) {
    const pod = byUid.get(uids.get(container.sandboxId) ?? '');
    if (!pod || container.state !== 'running') continue;
    const usage = await cgroups.containerUsage(pod, container.id);
    if (usage) yield { pod, container, usage };
  }
}
