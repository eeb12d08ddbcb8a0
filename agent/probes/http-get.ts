import http from 'node:http';
import https from 'node:https';
import type { Outcome } from './probe.plan.ts';

export interface HttpTarget {
  readonly scheme: 'HTTP' | 'HTTPS';
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly headers: readonly { readonly name: string; readonly value: string }[];
}

/** Of an answer that failed, as much goes into the event. */
const MAX_BODY = 10 * 1024;
const MAX_REDIRECTS = 10;

/**
 * Upstream's HTTP probe: 200 to 399 is success; redirects are followed on the same host alone; certificates are not
 * verified, because a pod's address is in none. The timeout is for everything together.
 */
export async function probeHttp(target: HttpTarget, timeoutMs: number): Promise<Outcome> {
  const host = target.host.includes(':') ? `[${target.host}]` : target.host;
  const path = target.path.startsWith('/') ? target.path : `/${target.path}`;
  let url: URL;
  try {
    url = new URL(`${target.scheme.toLowerCase()}://${host}:${target.port}${path}`);
  } catch (err) {
    return { type: 'error', message: String(err) };
  }
  const signal = AbortSignal.timeout(timeoutMs);
  for (let redirects = 0; ; redirects++) {
    let answer: Answer;
    try {
      answer = await get(url, target.headers, signal);
    } catch (err) {
      return { type: 'failure', message: failure(url, err, signal) };
    }
    const next = redirectOf(url, answer);
    if (!next || next.hostname !== url.hostname) return verdict(answer);
    if (redirects === MAX_REDIRECTS) {
      return { type: 'failure', message: `Get "${url}": stopped after ${MAX_REDIRECTS} redirects` };
    }
    url = next;
  }
}

interface Answer {
  readonly status: number;
  readonly location: string | undefined;
  readonly body: string;
}

function verdict({ status, body }: Answer): Outcome {
  if (status >= 200 && status < 400) return { type: 'success', message: body };
  return { type: 'failure', message: `HTTP probe failed with statuscode: ${status}` };
}

function redirectOf(url: URL, { status, location }: Answer): URL | undefined {
  if (![301, 302, 303, 307, 308].includes(status) || !location) return undefined;
  return URL.canParse(location, url.href) ? new URL(location, url.href) : undefined;
}

function failure(url: URL, err: unknown, signal: AbortSignal): string {
  if (signal.aborted) {
    return `Get "${url}": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`;
  }
  return `Get "${url}": ${err instanceof Error ? err.message : String(err)}`;
}

function get(url: URL, headers: HttpTarget['headers'], signal: AbortSignal): Promise<Answer> {
  const sent: Record<string, string | string[]> = { 'User-Agent': 'kube-probe/1.36', Accept: '*/*' };
  for (const { name, value } of headers) {
    const key = Object.keys(sent).find((known) => known.toLowerCase() === name.toLowerCase()) ?? name;
    // An empty Accept header takes it away.
    if (value === '' && key === 'Accept') delete sent[key];
    else sent[key] = value;
  }
  return new Promise((resolve, reject) => {
    const options = { agent: false, headers: sent, signal, rejectUnauthorized: false } as const;
    const request = (url.protocol === 'https:' ? https : http).request(url, options, (response) => {
      let body = '';
      response.setEncoding('utf8');
      const done = (): void => {
        resolve({ status: response.statusCode ?? 0, location: response.headers.location, body });
        request.destroy();
      };
      response.on('data', (text: string) => {
        body += text;
        if (body.length > MAX_BODY) done();
      });
      response.on('end', done);
      response.on('error', reject);
    });
    request.on('error', reject);
    request.end();
  });
}
