import { type Runtime, RuntimeError } from '#agent/runtime/runtime.ts';
import type { Container, EphemeralContainer, Probe } from '#proto/schema/generated/core-v1.ts';
import { probeGrpc } from './grpc-health.ts';
import { probeHttp } from './http-get.ts';
import { type Outcome, portOf, timeoutMs } from './probe.plan.ts';
import { probeTcp } from './tcp-socket.ts';

export interface ProbeTarget {
  readonly spec: Container | EphemeralContainer;
  readonly containerId: string;
  readonly podIp: string;
}

/** Makes one probe; never rejects. */
export async function runProbe(runtime: Runtime, target: ProbeTarget, probe: Probe): Promise<Outcome> {
  const { spec, podIp } = target;
  const limit = timeoutMs(probe);
  if (probe.exec) return probeExec(runtime, target.containerId, probe.exec.command ?? [], limit);
  if (probe.httpGet) {
    const { host, path, scheme, httpHeaders } = probe.httpGet;
    const port = portOf(probe.httpGet.port, spec.ports);
    if (port === undefined) return { type: 'error', message: `couldn't find port: ${probe.httpGet.port}` };
    const request = {
      scheme: scheme === 'HTTPS' ? ('HTTPS' as const) : ('HTTP' as const),
      host: host || podIp,
      port,
      path: path ?? '/',
      headers: httpHeaders ?? [],
    };
    return probeHttp(request, limit);
  }
  if (probe.tcpSocket) {
    const port = portOf(probe.tcpSocket.port, spec.ports);
    if (port === undefined) return { type: 'error', message: `couldn't find port: ${probe.tcpSocket.port}` };
    return probeTcp(probe.tcpSocket.host || podIp, port, limit);
  }
  if (probe.grpc) return probeGrpc(podIp, probe.grpc.port, probe.grpc.service ?? '', limit);
  return { type: 'error', message: 'missing probe handler' };
}

async function probeExec(
  runtime: Runtime,
  id: string,
  command: readonly string[],
  limit: number,
): Promise<Outcome> {
  try {
    const { exitCode, stdout, stderr } = await runtime.execSync(id, command, limit);
    const text = (Buffer.from(stdout).toString() + Buffer.from(stderr).toString()).slice(0, 10 * 1024);
    return { type: exitCode === 0 ? 'success' : 'failure', message: text };
  } catch (err) {
    if (err instanceof RuntimeError && err.kind === 'timeout') {
      const message = `command timed out: "${command.join(' ')}" timed out after ${limit / 1000}s`;
      return { type: 'failure', message };
    }
    return { type: 'error', message: err instanceof Error ? err.message : String(err) };
  }
}
