import { RuntimeError } from '#agent/runtime/runtime.ts';
import type { RuntimeClass } from '#proto/schema/generated/node-v1.ts';
import { dnsOf } from './dns.plan.ts';
import { type Hands, identity, RETRY_MS } from './hands.ts';
import { hostnameOf } from './hostname.plan.ts';
import { sandboxConfig } from './sandbox-config.ts';

/** Makes a sandbox; a failure is written down and tried again. */
export async function runSandbox(
  attempt: number,
  { context, memory, snapshot, event }: Hands,
): Promise<void> {
  const { pod } = snapshot;
  const cluster = context.clusterDns();
  try {
    const handler = runtimeHandler();
    const config = sandboxConfig({
      pod,
      attempt,
      hostname: hostnameOf(pod, cluster?.domain ?? 'cluster.local').hostname,
      logDirectory: context.files.logDirectory(identity(pod)),
      dns: dnsOf(pod, await context.hostDns(), cluster),
      cgroupParent: memory.cgroupParent,
      startTimeMs: snapshot.startTimeMs,
      seccompDir: context.seccompDir,
      runtimeHandler: handler,
    });
    await context.runtime.runSandbox(config);
    memory.sandboxProblem = undefined;
  } catch (err) {
    if (err instanceof RuntimeError && err.kind === 'unavailable') throw err;
    const why = err instanceof Error ? err.message : String(err);
    const message = `Failed to create pod sandbox: ${why}`;
    event('Warning', 'FailedCreatePodSandBox', message);
    memory.sandboxProblem = {
      reason: 'ContainerCreating',
      message,
      retryAtMs: context.clock.now() + RETRY_MS,
    };
  }

  function runtimeHandler(): string {
    const name = pod.spec.runtimeClassName;
    if (!name) return '';
    const classes = context.desired.list<RuntimeClass>('runtimeclasses');
    const found = classes.find((c) => c.metadata.name === name);
    if (!found) throw new Error(`RuntimeClass "${name}" not found`);
    return found.handler;
  }
}
