import { join } from 'node:path';
import type { Runtime } from '#agent/runtime/runtime.ts';
import type { RunningLog } from './rotate-logs.ts';

/** The log files that containers write to now. */
export async function runningLogs(runtime: Runtime, logsDir: string): Promise<readonly RunningLog[]> {
  const { sandboxes, containers } = await runtime.list();
  const byId = new Map(sandboxes.map((sandbox) => [sandbox.id, sandbox]));
  return containers.flatMap((container) => {
    const sandbox = byId.get(container.sandboxId);
    if (!sandbox || container.state !== 'running') return [];
    const folder = join(logsDir, `${sandbox.namespace}_${sandbox.name}_${sandbox.uid}`);
    return [{ containerId: container.id, path: join(folder, container.name, `${container.attempt}.log`) }];
  });
}
