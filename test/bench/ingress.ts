/**
 * Ingresses under load, beside nginx that is told to do the same: same machine, same run, turn by turn, as many threads, one
 * origin behind both, which answers at once. wrk and h2load of Debian ask, on the same cores, so that figures are shares of
 * what a whole machine does; ratios are what counts.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { anIngress } from '#agent/net/ingress/fixtures.ts';
import { aService } from '#agent/net/services/fixtures.ts';
import { PartVerdicts } from '#agent/node/part-verdicts.ts';
import { createCa } from '#proto/pki/certificate.ts';
import { generateKey, keyToPem } from '#proto/pki/key.ts';
import { toPem } from '#proto/pki/pem.ts';
import type { Secret } from '#proto/schema/generated/core-v1.ts';
import { eventually } from '../support/boards/eventually.ts';
import { must } from '../support/boards/shell.ts';
import { ask } from '../support/http/client.ts';
import { serveOn, sliceOf } from '../support/ingress/serve.ts';
import { Wishes } from '../support/ingress/wishes.ts';
import { memoryOf, usageOf } from './processes.ts';
import type { Progress } from './progress.ts';

const HOST = 'web.example';
const ORIGIN = 19_000;
const PORTS = { coracle: { http: 19_080, https: 19_443 }, nginx: { http: 19_081, https: 19_444 } } as const;
type Proxy = keyof typeof PORTS;
const PROXIES = Object.keys(PORTS) as Proxy[];
const ROUNDS = 4;
const SECONDS = 4;
const CONNECTIONS = 32;
const LIMIT_RATIO = 0.5;
/** As many Ingresses beside the one that is asked for as a board may have. */
const OTHERS = 50;

/** What is asked, and how; each gives requests a second. */
const LOADS: Readonly<Record<string, (proxy: Proxy) => Promise<number>>> = {
  http: (proxy) => wrk(`http://127.0.0.1:${PORTS[proxy].http}/some/path`),
  https: (proxy) => wrk(`https://127.0.0.1:${PORTS[proxy].https}/some/path`),
  'https with HTTP/2': (proxy) => h2load(PORTS[proxy].https),
  'https, a handshake each': (proxy) => wrk(`https://127.0.0.1:${PORTS[proxy].https}/`, 'Connection: close'),
};

export async function benchIngress(progress: Progress) {
  const root = mkdtempSync('/run/coracle-bench-');
  chmodSync(root, 0o755);
  const stop = new AbortController();
  const pair = certificate();
  const started = startNginx(root, pair);
  const serving = startCoracle(join(root, 'ingress'), pair, stop.signal);
  try {
    for (const { http } of Object.values(PORTS))
      await eventually(
        async () => (await ask({ ip: '127.0.0.1', port: http, host: HOST }, '/')).status === 200,
      );
    const pids: Readonly<Record<Proxy, readonly number[]>> = {
      coracle: pidsWith('haproxy\0-db', root),
      nginx: pidsWith('nginx: ', '').filter((pid) => isUnder(pid, started.nginx.pid)),
    };
    const idle = Object.fromEntries(PROXIES.map((proxy) => [proxy, memoryOf(pids[proxy])]));
    const results: Record<string, object> = {};
    const ratios: Record<string, number> = {};
    for (const [name, load] of Object.entries(LOADS)) {
      const rounds: Record<Proxy, Round[]> = { coracle: [], nginx: [] };
      for (let round = 0; round < ROUNDS; round++) {
        // Whoever goes first finds another machine than who comes second.
        for (const proxy of round % 2 ? PROXIES : [...PROXIES].reverse()) {
          const before = usageOf(pids[proxy]).cpuSeconds;
          const perSecond = await load(proxy);
          const cpuSeconds = usageOf(pids[proxy]).cpuSeconds - before;
          rounds[proxy].push({ perSecond, cpuMicroseconds: (cpuSeconds / (perSecond * SECONDS)) * 1e6 });
          progress(`${name}, ${proxy}: ${Math.round(perSecond)} requests a second`);
        }
      }
      const ratio = mid(rounds.coracle, 'perSecond') / mid(rounds.nginx, 'perSecond');
      ratios[name] = Math.round(ratio * 100) / 100;
      results[name] = {
        ...Object.fromEntries(PROXIES.map((proxy) => [proxy, told(rounds[proxy])])),
        ratio: ratios[name],
      };
    }
    const loaded = Object.fromEntries(PROXIES.map((proxy) => [proxy, memoryOf(pids[proxy])]));
    return {
      connections: CONNECTIONS,
      results,
      memory: { idle, loaded },
      budgets: Object.fromEntries(
        ['http', 'https'].map((name) => [
          `${name}: share of nginx's requests a second`,
          { limit: LIMIT_RATIO, measured: ratios[name], met: (ratios[name] ?? 0) >= LIMIT_RATIO },
        ]),
      ),
    };
  } finally {
    stop.abort();
    await serving;
    // It removes files of its own as it ends.
    await Promise.all(
      Object.values(started).map(async (child) => child.kill('SIGTERM') && (await once(child, 'exit'))),
    );
    rmSync(root, { recursive: true, force: true });
  }
}

interface Round {
  readonly perSecond: number;
  readonly cpuMicroseconds: number;
}

/** The middle of an even number of rounds. */
function mid(rounds: readonly Round[], what: keyof Round): number {
  const sorted = rounds.map((round) => round[what]).sort((a, b) => a - b);
  return ((sorted[sorted.length / 2 - 1] ?? 0) + (sorted[sorted.length / 2] ?? 0)) / 2;
}

const told = (rounds: readonly Round[]) => ({
  requestsPerSecond: Math.round(mid(rounds, 'perSecond')),
  cpuMicrosecondsPerRequest: Math.round(mid(rounds, 'cpuMicroseconds') * 10) / 10,
});

async function wrk(url: string, ...headers: string[]): Promise<number> {
  const said = await must([
    ...['wrk', '-t1', `-c${CONNECTIONS}`, `-d${SECONDS}`, '-H', `Host: ${HOST}`],
    ...headers.flatMap((header) => ['-H', header]),
    url,
  ]);
  if (/Non-2xx|Socket errors: .*[1-9]/.test(said)) throw new Error(`wrk: ${said}`);
  return Number(/Requests\/sec:\s+([\d.]+)/.exec(said)?.[1]);
}

async function h2load(port: number): Promise<number> {
  const said = await must([
    ...['h2load', '-t1', `-c${CONNECTIONS}`, '-m4', `-D${SECONDS}`],
    ...[`--connect-to=127.0.0.1:${port}`, `https://${HOST}:${port}/some/path`],
  ]);
  const [, done = '0', failed = '0'] = /status codes: (\d+) 2xx, \d+ 3xx, (\d+) 4xx/.exec(said) ?? [];
  if (failed !== '0') throw new Error(`h2load: ${said}`);
  return Number(done) / SECONDS;
}

function certificate(): { readonly crt: string; readonly key: string } {
  const key = generateKey();
  const der = createCa({ commonName: HOST, key, notBeforeMs: 0, notAfterMs: 1e13 });
  return { crt: toPem('CERTIFICATE', der), key: keyToPem(key) };
}

function startCoracle(
  directory: string,
  pair: ReturnType<typeof certificate>,
  signal: AbortSignal,
): Promise<void> {
  const wishes = new Wishes();
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  wishes.put('secrets', {
    metadata: { namespace: 'default', name: 'pair' },
    type: 'kubernetes.io/tls',
    data: { 'tls.crt': base64(pair.crt), 'tls.key': base64(pair.key) },
  } as Secret);
  for (let i = 0; i < OTHERS; i++)
    wishes.put(
      'ingresses',
      anIngress(`other-${i}`, { [`other-${i}.example`]: ['Prefix / web', 'Prefix /api web'] }),
    );
  wishes.put('services', aService('web'));
  wishes.put('endpointslices', sliceOf('web', { name: 'origin', port: ORIGIN }));
  const tls = [{ hosts: [HOST], secretName: 'pair' }];
  wishes.put('ingresses', anIngress('web', { [HOST]: ['Prefix / web'] }, { tls }));
  const ports = { httpPort: PORTS.coracle.http, httpsPort: PORTS.coracle.https };
  return serveOn({ directory, wishes, verdicts: new PartVerdicts(), ...ports }, signal);
}

function startNginx(root: string, { crt, key }: ReturnType<typeof certificate>) {
  writeFileSync(join(root, 'crt.pem'), crt);
  writeFileSync(join(root, 'key.pem'), key);
  const common = (name: string, workers: number, http: string): string =>
    `daemon off; worker_processes ${workers}; pid ${root}/${name}.pid; error_log ${root}/${name}.log;
     events { worker_connections 4096; }
     http { access_log off; keepalive_requests 1000000000; ${http} }\n`;
  const start = (name: string, text: string): ChildProcess => {
    writeFileSync(join(root, `${name}.conf`), text);
    return spawn('/usr/sbin/nginx', ['-c', join(root, `${name}.conf`)], { stdio: 'ignore' });
  };
  const answer = 'x'.repeat(512);
  const origin = common(
    'origin',
    1,
    `server { listen 127.0.0.1:${ORIGIN} backlog=4096; location / { return 200 "${answer}"; } }`,
  );
  const others = Array.from(
    { length: OTHERS },
    (_, i) =>
      `server { listen ${PORTS.nginx.http}; server_name other-${i}.example; location / { proxy_pass http://origin; } location /api/ { proxy_pass http://origin; } }`,
  ).join('\n');
  const proxy = common(
    'nginx',
    Math.min(4, availableParallelism()),
    `upstream origin { server 127.0.0.1:${ORIGIN}; keepalive 64; keepalive_requests 1000000000; }
     ${others}
     server {
       listen ${PORTS.nginx.http} backlog=4096; listen ${PORTS.nginx.https} ssl http2 backlog=4096; server_name ${HOST};
       ssl_certificate ${root}/crt.pem; ssl_certificate_key ${root}/key.pem; ssl_session_cache shared:tls:1m;
       ssl_protocols TLSv1.2 TLSv1.3;
       location / {
         proxy_pass http://origin; proxy_http_version 1.1;
         proxy_set_header Connection ""; proxy_set_header Host $host;
         proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Real-IP $remote_addr;
         proxy_set_header X-Forwarded-Proto $scheme; proxy_set_header X-Forwarded-Host $host;
         proxy_set_header X-Forwarded-Port $server_port;
       }
     }`,
  );
  return { origin: start('origin', origin), nginx: start('nginx', proxy) };
}

/** Of all processes of the machine. */
function pidsWith(...words: readonly string[]): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => {
      const line = read(`/proc/${pid}/cmdline`);
      return pid > 1 && words.every((word) => line.includes(word));
    });
}

const isUnder = (pid: number, parent: number | undefined): boolean =>
  pid === parent || read(`/proc/${pid}/status`).includes(`\nPPid:\t${parent}\n`);

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
