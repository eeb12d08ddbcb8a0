/**
 * Metrics as people collect them: a real Prometheus reads the boards through the API server. Debian builds it without
 * Kubernetes' service discovery, so that the boards are listed by name here.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { freePort } from '#proto/net/testing/free-port.ts';
import { eventually } from '../support/boards/eventually.ts';
import { command } from '../support/boards/shell.ts';
import { credentialsOf } from '../support/cluster/api.ts';
import { apply, helloDeployment } from '../support/cluster/manifests.ts';
import { useCluster } from '../support/cluster/use-cluster.ts';

const cluster = useCluster({ boards: 2 });
const kubectl = (args: string) => cluster().kubectl.ok(args);
const NODE_PAGES = ['/metrics', '/metrics/cadvisor', '/metrics/resource', '/metrics/board'];
let prometheus: ChildProcess | undefined;
let url = '';

/** What a query gives: its series with their values. */
async function query(text: string): Promise<{ metric: Record<string, string>; value: number }[]> {
  const response = await fetch(`${url}/api/v1/query?query=${encodeURIComponent(text)}`);
  const { data } = (await response.json()) as {
    data: { result: { metric: Record<string, string>; value: [number, string] }[] };
  };
  return data.result.map(({ metric, value: [, value] }) => ({ metric, value: Number(value) }));
}

beforeAll(async () => {
  await apply(cluster(), helloDeployment('web', 2));
  await cluster().readyPods('app=web', 2);
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  const folder = join(cluster().lan.directory, 'prometheus');
  mkdirSync(folder, { recursive: true });
  const { ca, cert, key } = credentialsOf(cluster().kubeconfig);
  const files = { ca_file: 'ca.pem', cert_file: 'cert.pem', key_file: 'key.pem' };
  for (const [name, text] of Object.entries({ ca, cert, key }))
    writeFileSync(join(folder, `${name}.pem`), text, { mode: 0o600 });
  const server = new URL(cluster().url).host;
  const own = (job_name: string, metrics_path: string, labels: object = {}) => ({
    job_name,
    metrics_path,
    scheme: 'https',
    tls_config: files,
    static_configs: [{ targets: [server], labels }],
  });
  const ofNodes = (job: string, path: string) =>
    cluster().boards.map(({ name }) =>
      own(`${job}-${name}`, `/api/v1/nodes/${name}/proxy${path}`, { job, instance: name }),
    );
  const config = {
    global: { scrape_interval: '1s' },
    scrape_configs: [
      own('apiserver', '/metrics'),
      own('kube-state-metrics', '/metrics/state'),
      ...ofNodes('kubelet', '/metrics'),
      ...ofNodes('cadvisor', '/metrics/cadvisor'),
      ...ofNodes('node-exporter', '/metrics/board'),
    ],
  };
  writeFileSync(join(folder, 'prometheus.yml'), stringify(config));
  prometheus = spawn(
    'prometheus',
    [
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { stdio: 'ignore' },
  );
});
afterAll(async () => {
  if (!prometheus || prometheus.exitCode !== null) return;
  const ended = once(prometheus, 'exit');
  prometheus.kill('SIGKILL');
  await ended;
});

it('is read by Prometheus, every page of every board', async () => {
  await eventually(
    async () => {
      const up = await query('sum by (job) (up)');
      expect(Object.fromEntries(up.map(({ metric, value }) => [metric['job'], value]))).toEqual({
        apiserver: 1,
        'kube-state-metrics': 1,
        kubelet: 2,
        cadvisor: 2,
        'node-exporter': 2,
      });
      return true;
    },
    { timeoutMs: 60_000 },
  );
});

it('tells what dashboards ask for', async () => {
  const numbers: Readonly<Record<string, (value: number) => void>> = {
    'sum(kube_deployment_status_replicas_ready{deployment="web"})': (n) => expect(n).toBe(2),
    'count(kube_node_status_condition{condition="Ready",status="true"} == 1)': (n) => expect(n).toBe(2),
    'sum(kubelet_running_pods)': (n) => expect(n).toBe(2),
    'min(container_memory_working_set_bytes{container="hello"})': (n) => expect(n).toBeGreaterThan(4096),
    'count(sum by (pod) (container_network_receive_bytes_total{interface="eth0"}))': (n) => expect(n).toBe(2),
    'count(node_memory_MemAvailable_bytes)': (n) => expect(n).toBe(2),
    'sum(apiserver_request_total{resource="deployments",verb="PATCH"}) or sum(apiserver_request_total{resource="deployments",verb="POST"})':
      (n) => expect(n).toBeGreaterThan(0),
    'sum(apiserver_storage_objects{resource="pods"})': (n) => expect(n).toBe(2),
    'sum(rate(workqueue_adds_total[1m]))': (n) => expect(n).toBeGreaterThanOrEqual(0),
  };
  for (const [text, check] of Object.entries(numbers))
    await eventually(
      async () => {
        const [first] = await query(text);
        expect(first, text).toBeDefined();
        check(first?.value ?? Number.NaN);
        return true;
      },
      { timeoutMs: 30_000 },
    );
});

it('fills the panels of the Grafana dashboard', async () => {
  const file = join(import.meta.dirname, '../../server/metrics/grafana/coracle.json');
  const { panels } = JSON.parse(readFileSync(file, 'utf8')) as {
    panels: { title: string; targets: { expr: string }[] }[];
  };
  // A virtual board has no thermometer.
  const shown = panels.filter(({ title }) => title !== 'Temperature');
  expect(shown.length).toBeGreaterThan(10);
  await eventually(
    async () => {
      const empty: string[] = [];
      for (const { title, targets } of shown)
        for (const { expr } of targets) {
          const text = expr.replaceAll('$__rate_interval', '10s').replaceAll('$board', '.*');
          if ((await query(text)).length === 0) empty.push(title);
        }
      expect(empty).toEqual([]);
      return true;
    },
    { timeoutMs: 40_000, intervalMs: 1_000 },
  );
});

it('writes every page as promtool wants it', async () => {
  const pages = ['/metrics', '/metrics/state'];
  for (const board of cluster().boards)
    pages.push(...NODE_PAGES.map((page) => `/api/v1/nodes/${board.name}/proxy${page}`));
  for (const page of pages) {
    const text = await kubectl(`get --raw ${page}`);
    expect(text.length, page).toBeGreaterThan(100);
    const { stderr, stdout } = await command(['promtool', 'check', 'metrics'], { input: text });
    // The kernel's own names are what node_exporter and every dashboard use.
    const complaints = `${stderr}${stdout}`
      .split('\n')
      .filter((line) => line && !/^node_memory_\w+ .*camelCase/.test(line));
    expect(complaints, page).toEqual([]);
  }
});
