import { expect, it } from 'vitest';
import { exposition } from '#proto/metrics/exposition.ts';
import { requestInfoOf } from '#server/apiserver/http/request-info.ts';
import { metricsHandler } from '#server/metrics/metrics-handler.ts';
import { QueueMetrics } from '#server/metrics/queue-metrics.ts';
import { RequestMetrics } from '#server/metrics/request-metrics.ts';

const request = (method: string, url: string) => {
  const [path = '', query] = url.split('?');
  return { method, path, query: new URLSearchParams(query) };
};

const begin = (metrics: RequestMetrics, method: string, url: string) => {
  const sent = request(method, url);
  return metrics.begin(sent, requestInfoOf(sent.method, sent.path, sent.query));
};

it('counts requests by what they are about', () => {
  const metrics = new RequestMetrics();
  begin(metrics, 'POST', '/apis/apps/v1/namespaces/shop/deployments?dryRun=All')(201);
  begin(metrics, 'GET', '/api/v1/nodes/board-1')(200);
  begin(metrics, 'DELETE', '/api/v1/namespaces/shop/pods')(200);
  const lines = exposition(metrics.families()).split('\n');
  const of = (labels: string) => `apiserver_request_total{${labels}} 1`;
  expect(lines).toContain(
    of(
      'verb="POST",group="apps",version="v1",resource="deployments",subresource="",scope="namespace",code="201",dry_run="All"',
    ),
  );
  expect(lines).toContain(
    of(
      'verb="GET",group="",version="v1",resource="nodes",subresource="",scope="resource",code="200",dry_run=""',
    ),
  );
  expect(lines).toContain(
    of(
      'verb="DELETECOLLECTION",group="",version="v1",resource="pods",subresource="",scope="namespace",code="200",dry_run=""',
    ),
  );
  expect(lines).toContain('apiserver_current_inflight_requests{request_kind="readOnly"} 0');
});

it('shows watches as long as they are open, and does not time them', () => {
  const metrics = new RequestMetrics();
  const end = begin(metrics, 'GET', '/api/v1/pods?watch=1');
  const open =
    'apiserver_longrunning_requests{verb="WATCH",group="",version="v1",resource="pods",subresource="",scope="cluster"}';
  expect(exposition(metrics.families())).toContain(`${open} 1`);
  end(200);
  const after = exposition(metrics.families());
  expect(after).toContain(`${open} 0`);
  expect(after).not.toContain('duration_seconds');
});

it('makes no series for what nobody serves', () => {
  const metrics = new RequestMetrics();
  for (let i = 0; i < 100; i++) begin(metrics, 'GET', `/apis/x${i}/v1/things`)(404);
  const series = exposition(metrics.families())
    .split('\n')
    .filter((line) => line.startsWith('apiserver_request_total'));
  expect(series).toEqual([
    'apiserver_request_total{verb="LIST",group="",version="",resource="",subresource="",scope="",code="404",dry_run=""} 100',
  ]);
});

it('counts what happens in queues', () => {
  const metrics = new QueueMetrics();
  let length = 2;
  const observer = metrics.observe('jobs', () => length);
  observer.added();
  observer.added();
  observer.retried();
  observer.worked(0.5);
  length = 7;
  expect(exposition(metrics.families()).split('\n')).toEqual(
    expect.arrayContaining([
      'workqueue_depth{name="jobs"} 7',
      'workqueue_adds_total{name="jobs"} 2',
      'workqueue_retries_total{name="jobs"} 1',
      'workqueue_work_seconds_total{name="jobs"} 0.5',
    ]),
  );
});

it('answers for its pages alone', async () => {
  const handler = metricsHandler({ '/metrics': () => new QueueMetrics().families() });
  const ask = (method: string, path: string) =>
    handler({ ...request(method, path) } as Parameters<typeof handler>[0]);
  expect(await ask('GET', '/metrics')).toMatchObject({
    code: 200,
    contentType: expect.stringContaining('version=0.0.4'),
  });
  expect(await ask('POST', '/metrics')).toBeUndefined();
  expect(await ask('GET', '/constructor')).toBeUndefined();
});
