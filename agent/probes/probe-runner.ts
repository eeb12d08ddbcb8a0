import { type Runtime, RuntimeError } from '#agent/runtime/runtime.ts';
import { goDuration } from '#proto/meta/duration.ts';
import type { Container, EphemeralContainer, Probe } from '#proto/schema/generated/core-v1.ts';
import { GrpcHealth } from './grpc-health.ts';
import { HttpGet, HttpShared } from './http-get.ts';
import { targetOf } from './http-request.ts';
import { type Outcome, portOf, timeoutMs } from './probe.plan.ts';
import { probeTcp } from './tcp-socket.ts';

export interface ProbeTarget {
  readonly spec: Container | EphemeralContainer;
  readonly containerId: string;
  readonly podIp: string;
}

/** Makes the probes of a board. */
export class ProbeRunner {
  readonly #runtime: Runtime;
  readonly #http = new HttpShared();

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** What makes this probe, each time that it is called. Whatever can be done before is done here. */
  prepare(target: ProbeTarget, probe: Probe): () => Promise<Outcome> {
    const { spec, podIp } = target;
    const limit = timeoutMs(probe);
    const { exec, httpGet, tcpSocket, grpc } = probe;
    if (exec) return () => probeExec(this.#runtime, target.containerId, exec.command ?? [], limit);
    if (grpc) {
      const { port, service = '' } = grpc;
      const check = new GrpcHealth({ host: podIp, port, service, timeoutMs: limit }, this.#http.buffer);
      return () => check.probe();
    }
    const wanted = httpGet ?? tcpSocket;
    if (!wanted) return async () => ({ type: 'error', message: 'missing probe handler' });
    const port = portOf(wanted.port, spec.ports);
    if (port === undefined)
      return async () => ({ type: 'error', message: `couldn't find port: ${wanted.port}` });
    if (!httpGet) return () => probeTcp(wanted.host || podIp, port, limit);
    try {
      const made = new HttpGet(targetOf(httpGet, { podIp, port, purpose: 'probe' }), this.#http);
      return () => made.probe(limit);
    } catch (err) {
      return async () => ({ type: 'error', message: String(err) });
    }
  }
}

const OK: Outcome = { type: 'success', message: '' };

async function probeExec(
  runtime: Runtime,
  id: string,
  command: readonly string[],
  limit: number,
): Promise<Outcome> {
  try {
    const { exitCode, stdout, stderr } = await runtime.execSync(id, command, limit);
    // Nobody reads what a success has printed, and it may be a lot.
    if (exitCode === 0) return OK;
    const text = (Buffer.from(stdout).toString() + Buffer.from(stderr).toString()).slice(0, 10 * 1024);
    return { type: 'failure', message: text };
  } catch (err) {
    if (err instanceof RuntimeError && err.kind === 'timeout') {
      const message = `command timed out: "${command.join(' ')}" timed out after ${goDuration(limit)}`;
      return { type: 'failure', message };
    }
    return { type: 'error', message: err instanceof Error ? err.message : String(err) };
  }
}
