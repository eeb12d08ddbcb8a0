import { Client, credentials, status } from '@grpc/grpc-js';
import { hostPort } from '#proto/net/host-port.ts';
import { userAgent } from './http-request.ts';
import type { Outcome } from './probe.plan.ts';

const SERVING = 1;
const NAMES = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'];

/** `grpc.health.v1.Health/Check`. Its two messages have one field each, so they are written and read here. */
export async function probeGrpc(
  host: string,
  port: number,
  service: string,
  timeoutMs: number,
): Promise<Outcome> {
  const address = hostPort(host, port);
  const client = new Client(address, credentials.createInsecure(), {
    'grpc.primary_user_agent': userAgent('probe'),
    'grpc.enable_retries': 0,
  });
  try {
    return await new Promise<Outcome>((resolve) => {
      client.makeUnaryRequest(
        '/grpc.health.v1.Health/Check',
        encodeRequest,
        decodeResponse,
        service,
        { deadline: Date.now() + timeoutMs },
        (err, serving) => {
          if (err) return resolve({ type: 'failure', message: explain(err.code, err.details, address) });
          if (serving === SERVING) return resolve({ type: 'success', message: 'service healthy' });
          const name = NAMES[serving ?? 0] ?? 'UNKNOWN';
          resolve({ type: 'failure', message: `service unhealthy (responded with "${name}")` });
        },
      );
    });
  } finally {
    client.close();
  }
}

function explain(code: number, details: string, address: string): string {
  if (code === status.UNIMPLEMENTED) {
    return `error: this server does not implement the grpc health protocol (grpc.health.v1.Health): ${details}`;
  }
  if (code === status.DEADLINE_EXCEEDED || code === status.UNAVAILABLE) {
    return `timeout: failed to connect service "${address}" within the timeout: ${details}`;
  }
  return `error: health rpc probe failed: ${details}`;
}

function encodeRequest(service: string): Buffer {
  const text = Buffer.from(service);
  if (text.length === 0) return text;
  const length: number[] = [];
  for (let rest = text.length; ; rest >>>= 7) {
    length.push(rest > 0x7f ? (rest & 0x7f) | 0x80 : rest);
    if (rest <= 0x7f) break;
  }
  return Buffer.concat([Buffer.from([0x0a, ...length]), text]);
}

function decodeResponse(bytes: Buffer): number {
  return bytes[0] === 0x08 ? (bytes[1] ?? 0) : 0;
}
