import { HttpGet, HttpShared } from '#agent/probes/http-get.ts';
import { type HttpTarget, targetOf } from '#agent/probes/http-request.ts';
import { portOf } from '#agent/probes/probe.plan.ts';
import type { Runtime } from '#agent/runtime/runtime.ts';
import type { Clock } from '#proto/meta/clock.ts';
import type { Container, EphemeralContainer, LifecycleHandler } from '#proto/schema/generated/core-v1.ts';

/** A postStart hook may take as long as it likes; something has to end it in the end. */
export const POST_START_LIMIT_MS = 3_600_000;

/** Runs a lifecycle hook; gives the sentence that says what went wrong, or undefined. */
export async function runHook(
  { runtime, clock }: { readonly runtime: Runtime; readonly clock: Clock },
  handler: LifecycleHandler,
  target: {
    readonly spec: Container | EphemeralContainer;
    readonly containerId: string;
    readonly podIp: string;
  },
  limitMs: number,
): Promise<string | undefined> {
  const { spec, containerId, podIp } = target;
  if (handler.sleep) {
    await clock.sleep(Math.min(handler.sleep.seconds * 1000, limitMs));
    return undefined;
  }
  if (handler.exec) {
    const command = handler.exec.command ?? [];
    try {
      const { exitCode, stdout, stderr } = await runtime.execSync(containerId, command, limitMs);
      if (exitCode === 0) return undefined;
      const text = Buffer.from(stdout).toString() + Buffer.from(stderr).toString();
      return `Exec lifecycle hook (${JSON.stringify(command)}) for Container "${spec.name}" failed - error: command exited with ${exitCode}, message: ${JSON.stringify(text)}`;
    } catch (err) {
      const why = err instanceof Error ? err.message : String(err);
      return `Exec lifecycle hook (${JSON.stringify(command)}) for Container "${spec.name}" failed - error: ${why}`;
    }
  }
  if (handler.httpGet) {
    const { path } = handler.httpGet;
    const port = portOf(handler.httpGet.port, spec.ports);
    if (port === undefined) return `couldn't find port: ${handler.httpGet.port}`;
    const why = await askOnce(targetOf(handler.httpGet, { podIp, port, purpose: 'lifecycle' }), limitMs);
    return why && `HTTP lifecycle hook (${path ?? '/'}) for Container "${spec.name}" failed - error: ${why}`;
  }
  return undefined;
}

/** Any answer will do, as upstream has it: a hook is a call, not a question. */
async function askOnce(target: HttpTarget, limitMs: number): Promise<string | undefined> {
  try {
    const answer = await new HttpGet(target, new HttpShared()).ask(limitMs);
    return 'type' in answer && answer.type === 'failure' ? answer.message : undefined;
  } catch (err) {
    return err instanceof Error ? err.message : String(err);
  }
}
