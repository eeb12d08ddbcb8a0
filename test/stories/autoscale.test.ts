/** Autoscaling by what containers really use, and `kubectl top`, on two boards. */
import { expect, it } from 'vitest';
import { milliValue, quantityValue } from '#proto/meta/quantity.ts';
import type { HorizontalPodAutoscaler } from '#proto/schema/generated/autoscaling-v2.ts';
import type { NodeMetrics, PodMetrics } from '#proto/schema/generated/metrics-v1beta1.ts';
import { eventually } from '../support/boards/eventually.ts';
import { command } from '../support/boards/shell.ts';
import { CORACLE } from '../support/cluster/cluster.ts';
import { apply, shellPod } from '../support/cluster/manifests.ts';
import { useCluster } from '../support/cluster/use-cluster.ts';

const cluster = useCluster({ boards: 2, serverFlags: ['--metrics-resolution', '3'] });
const kubectl = (args: string) => cluster().kubectl.ok(args);

/** Idle, until there is a file; then it takes all that its limit allows. */
const WORKER =
  'while :; do if [ -e /load ]; then i=0; while [ $i -lt 9999 ]; do i=$((i+1)); done; else sleep 1; fi; done';
const limits = { cpu: '100m', memory: '16Mi' };

function worker(name: string): object {
  const { metadata: _metadata, spec } = shellPod(name, WORKER, { resources: { limits } }) as {
    metadata: object;
    spec: object;
  };
  const labels = { app: name };
  const template = { metadata: { labels }, spec };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: { replicas: 1, selector: { matchLabels: labels }, template },
  };
}

/** Somewhat more than half of what is requested is wanted; what is asked for is done at once. */
function autoscaler(name: string): object {
  const rules = {
    stabilizationWindowSeconds: 0,
    policies: [{ type: 'Percent', value: 100, periodSeconds: 5 }],
  };
  return {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name },
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name },
      minReplicas: 1,
      maxReplicas: 4,
      metrics: [
        {
          type: 'Resource',
          resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 60 } },
        },
      ],
      behavior: { scaleUp: rules, scaleDown: rules },
    },
  };
}

const status = async (name: string) =>
  (await cluster().kubectl.json<HorizontalPodAutoscaler>(`get hpa ${name}`)).status;

it('doubles a Deployment under load, and shrinks it when the load is over', async () => {
  await apply(cluster(), worker('worker'), autoscaler('worker'));
  const [first] = await cluster().readyPods('app=worker', 1);
  const pod = first?.metadata.name ?? '';
  await eventually(async () => expect(await kubectl('get hpa worker')).toMatch(/cpu: \d+%\/60%/), {
    timeoutMs: 60_000,
  });
  expect((await status('worker'))?.desiredReplicas).toBe(1);

  await kubectl(`exec ${pod} -- touch /load`);
  const grown = await eventually(
    async () => {
      const now = await status('worker');
      return now?.desiredReplicas === 2 ? now : undefined;
    },
    { timeoutMs: 90_000 },
  );
  expect(grown.conditions?.map(({ type, status, reason }) => `${type} ${status} ${reason}`)).toEqual(
    expect.arrayContaining(['ScalingActive True ValidMetricFound']),
  );
  await cluster().readyPods('app=worker', 2);
  expect(await kubectl('describe hpa worker')).toContain(
    'New size: 2; reason: cpu resource utilization (percentage of request) above target',
  );

  const metrics = await eventually(
    async () => {
      const found = await cluster().kubectl.json<PodMetrics>(`get podmetrics ${pod}`);
      return milliValue(found.containers[0]?.usage['cpu']) > 30 ? found : undefined;
    },
    { timeoutMs: 30_000 },
  );
  expect(metrics.containers).toHaveLength(1);
  expect(milliValue(metrics.containers[0]?.usage['cpu'])).toBeLessThan(150);
  const memory = quantityValue(metrics.containers[0]?.usage['memory']);
  expect(memory).toBeGreaterThan(0);
  expect(memory).toBeLessThan(16 * 1024 * 1024);

  await kubectl(`exec ${pod} -- rm /load`);
  await eventually(async () => expect((await status('worker'))?.desiredReplicas).toBe(1), {
    timeoutMs: 90_000,
  });
  await cluster().readyPods('app=worker', 1);
  expect(await kubectl('describe hpa worker')).toContain('New size: 1; reason: All metrics below target');
});

it('shows what boards and Pods use', async () => {
  const nodes = await eventually(
    async () => {
      const { items } = await cluster().kubectl.json<{ items: NodeMetrics[] }>('get nodemetrics');
      return items.length === 2 ? items : undefined;
    },
    { timeoutMs: 60_000 },
  );
  for (const { usage, window } of nodes) {
    expect(quantityValue(usage['memory'])).toBeGreaterThan(1024 * 1024);
    expect(window).toMatch(/^\d+(\.\d+)?s$/);
  }
  // A board without Pods tells it rarely, and what it told is soon too old.
  await eventually(async () =>
    expect(await kubectl('top nodes')).toMatch(/board-1 +\d+m +\d+% +\d+Mi +\d+%/),
  );
  expect(await kubectl('top pods --containers')).toMatch(/worker-\S+ +main +\d+m +\d+Mi/);
  expect(await kubectl('top pods -l app=worker --no-headers')).toMatch(/^worker-\S+ +\d+m +\d+Mi *\n$/);
  // And as `coracle top` draws it, beside the names of the boards.
  const kubeconfig = cluster().kubeconfigForUrl();
  const stdout = await eventually(async () => {
    const drawn = await command([...CORACLE, 'top', '--once', '--kubeconfig', kubeconfig]);
    expect(drawn.stdout).toMatch(/board-1 .*[▁-█] +\d+% .*[▁-█] +\d+% +\d+\S*i\/\S+ +\d+\/110 +\w/);
    return drawn.stdout;
  });
  expect(stdout).toMatch(/default\/worker-\S+ +board-\d .*\d+m +\d/);
  const { code, stderr } = await cluster().kubectl.run('top pod nobody');
  expect(code).not.toBe(0);
  expect(stderr).toContain('podmetrics.metrics.k8s.io "default/nobody" not found');
});
